/* SPDX-License-Identifier: BSD-2-Clause */
/* Every judge: what it passes, and each thing it must not pass. */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "provision/checks/checks.h"

/* Answers of a node where all is well; a case replaces some of them. NULL: not there. */
struct answer_row {
	const char *question, *value;
};

#define NODE(name, ip, status)                                                                       \
	"{\"metadata\":{\"name\":\"" name "\",\"annotations\":{\"k3s.io/internal-ip\":\"" ip "\"}},"        \
	"\"status\":{\"addresses\":[{\"type\":\"Hostname\",\"address\":\"" name "\"},{\"type\":\"InternalIP\"," \
	"\"address\":\"" ip "\"}],\"conditions\":[{\"type\":\"MemoryPressure\",\"status\":\"False\"},{\"type\":" \
	"\"Ready\",\"status\":\"" status "\",\"message\":\"as it says\"}]}}"
#define LIST(items) "{\"items\":[" items "]}"
#define LEASE(name, at) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"renewTime\":\"" at "\"}}"
#define POD(name, status, owner)                                                                      \
	"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\",\"ownerReferences\":[{\"kind\":\"" owner  \
	"\"}]},\"status\":{" status "}}"
#define RUNS "\"phase\":\"Running\",\"containerStatuses\":[{\"ready\":true,\"state\":{\"running\":{}}}]"
#define DEPLOYMENT(name, status)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\"},\"status\":{\"conditions\":[{\"type\":\"Available\",\"status\":\"" \
	status "\",\"message\":\"so it is\"}]}}"
#define NODES "api:/api/v1/nodes"
#define LEASES "api:/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
#define PODS "api:/api/v1/pods?limit=500"
#define DEPLOYMENTS "api:/apis/apps/v1/namespaces/kube-system/deployments"

#define NS(name, phase) "{\"metadata\":{\"name\":\"" name "\"},\"status\":{\"phase\":\"" phase "\"}}"
#define READY(name, want, ready)                                                                      \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"replicas\":" want "},\"status\":{\"readyReplicas\":" ready \
	",\"updatedReplicas\":" want "}}"
#define CERT_MANAGER "api:/apis/apps/v1/namespaces/cert-manager/deployments"
#define CATTLE "api:/apis/apps/v1/namespaces/cattle-system/deployments"
#define INGRESSES "api:/apis/networking.k8s.io/v1/namespaces/cattle-system/ingresses"
#define INGRESS(host, at)                                                                             \
	"{\"metadata\":{\"name\":\"rancher\"},\"spec\":{\"rules\":[{\"host\":\"" host "\"}]},\"status\":{\"loadBalancer\":{" at "}}}"
#define PING "web:https://rancher.local/ping 160.85.30.104"
#define ROOT "web:https://rancher.local/ 160.85.30.104"
#define CLUSTER "api:/apis/management.cattle.io/v3/clusters/local"
#define LOCAL(connected)                                                                              \
	"{\"spec\":{\"displayName\":\"local\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}," \
	"{\"type\":\"Connected\",\"status\":\"" connected "\",\"message\":\"so it is\"}]}}"
#define MONITORING "api:/api/v1/namespaces/mon"
#define SERVICES MONITORING "/services"
#define SLICES "api:/apis/discovery.k8s.io/v1/namespaces/mon/endpointslices"
#define PROMETHEUS "monitoring-kube-prometheus-prometheus"
#define ALERTMANAGER "monitoring-kube-prometheus-alertmanager"
#define SERVICE(name, type, port, nodeport)                                                           \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"type\":\"" type "\",\"ports\":[{\"port\":8080,\"nodePort\":31000},{\"port\":" port \
	",\"nodePort\":" nodeport "}]}}"
#define SLICE(service, ready)                                                                         \
	"{\"metadata\":{\"labels\":{\"kubernetes.io/service-name\":\"" service "\"}},\"endpoints\":[{\"conditions\":{\"ready\":" \
	ready "}}]}"
#define PROXY "api:/api/v1/namespaces/mon/services/http:" PROMETHEUS ":9090/proxy"
#define TARGETS PROXY "/api/v1/targets?state=active"
#define TARGET(job, node, health, at)                                                                 \
	"{\"labels\":{\"job\":\"" job "\",\"instance\":\"" node "\"},\"health\":\"" health "\",\"lastError\":\"so it is\",\"lastScrape\":\"" \
	at "\"}"
#define ACTIVE(targets) "{\"status\":\"success\",\"data\":{\"activeTargets\":[" targets "]}}"
#define VOLUMES "api:/api/v1/persistentvolumes"
#define CLAIMS MONITORING "/persistentvolumeclaims"
#define VOLUME(name, size, class, ns, claim, phase)                                                   \
	"{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"capacity\":{\"storage\":\"" size "\"},\"storageClassName\":\"" class \
	"\",\"claimRef\":{\"namespace\":\"" ns "\",\"name\":\"" claim "\",\"uid\":\"of-" claim "\"},\"nfs\":{}},\"status\":{\"phase\":\"" \
	phase "\"}}"
#define CLAIM(name, size, phase) CLAIM_SINCE(name, size, phase, "2026-01-01T00:00:00Z")
#define CLAIM_SINCE(name, size, phase, at)                                                            \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"of-" name "\",\"creationTimestamp\":\"" at "\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":\"" size "\"}}},\"status\":{\"phase\":\"" \
	phase "\"}}"
#define PINNED(node)                                                                                  \
	"{\"metadata\":{\"name\":\"pvc-7\"},\"spec\":{\"claimRef\":{\"namespace\":\"shop\",\"name\":\"db\"},\"hostPath\":{},\"nodeAffinity\":{" \
	"\"required\":{\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"values\":[\"" node "\"]}]}]}}}}"
#define RUNTIME PROXY "/api/v1/status/runtimeinfo"
#define OLDEST PROXY "/api/v1/query?query=prometheus_tsdb_lowest_timestamp_seconds"
#define CLASSES "api:/apis/storage.k8s.io/v1/storageclasses"
#define CLASS(name, is)                                                                               \
	"{\"metadata\":{\"name\":\"" name "\",\"annotations\":{\"storageclass.kubernetes.io/is-default-class\":\"" is "\"}}}"
#define RULES PROXY "/api/v1/rules"
#define RULE(name, health) "{\"name\":\"" name "\",\"health\":\"" health "\",\"lastError\":\"so it is\"}"
#define GROUP(rules) "{\"data\":{\"groups\":[{\"rules\":[" rules "]}]}}"
#define ALERTS PROXY "/api/v1/alerts"
#define ALERT(name, severity, state)                                                                  \
	"{\"labels\":{\"alertname\":\"" name "\",\"severity\":\"" severity "\"},\"annotations\":{\"summary\":\"so it is\"},\"state\":\"" state "\"}"
#define TOLD(alerts) "{\"data\":{\"alerts\":[" alerts "]}}"
#define COMPACTIONS PROXY "/api/v1/query?query=count%28prometheus_tsdb_compactions_failed_total%20%3E%200%29%20or%20vector%280%29"
#define WATTS PROXY "/api/v1/query?query=instance%3Akepler_node_watts%3Arate"
#define SAMPLE(node, value) "{\"metric\":{\"instance\":\"" node "\"},\"value\":[1,\"" value "\"]}"
#define RESULT(samples) "{\"data\":{\"result\":[" samples "]}}"
#define PAGE "http:9102:/metrics"
#define OK_PAGE "HTTP/1.1 200 OK\r\n\r\n# x\nkepler_exporter_build_info{a=\"b\"} 1\nkepler_node_info{a=\"b\"} 1\n"
#define REDFISH "powerstack_exporter_source_up{source=\"redfish\"} "
#define JOULES(component, source) "kepler_node_" component "_joules_total{package=\"0\",instance=\"c\",mode=\"idle\",source=\"" source "\"} 1\n"

#define ELEVEN(line) line line line line line line line line line line line

static const struct answer_row well[] = {
	{ "cert:https://160.85.30.104:6443/", "4102444800" },
	{ "cert:https://rancher.local/ 160.85.30.104", "4102444800" },
	{ "api:/api/v1/namespaces/cattle-system", NS("cattle-system", "Active") },
	{ CERT_MANAGER, LIST(READY("cert-manager", "1", "1") "," READY("cert-manager-cainjector", "1", "1") ","
			     READY("cert-manager-webhook", "1", "1")) },
	{ CATTLE, LIST(READY("rancher", "3", "3") "," READY("rancher-webhook", "1", "1")) },
	{ INGRESSES, LIST(INGRESS("rancher.local", "\"ingress\":[{\"ip\":\"192.168.0.1\"}]")) },
	{ PING, "200\npong" },
	{ ROOT, "200\n<html>" },
	{ CLUSTER, LOCAL("True") },
	{ "rancher:cattle-system/bootstrap-secret", "over" },
	{ "journal:rancher", "2026/01/05 20:00:00 [WARNING] slow\n2026/01/05 20:00:00 [ERROR] error syncing 'x', requeuing\n"
			     "E0105 20:00:00.1 1 watch.go:1] once" },
	{ MONITORING, NS("mon", "Active") },
	{ MONITORING "/pods", LIST(POD("a", RUNS, "ReplicaSet") "," POD("b", "\"phase\":\"Succeeded\"", "Job")) },
	{ SERVICES, LIST(SERVICE(PROMETHEUS, "NodePort", "9090", "30002") "," SERVICE("monitoring-grafana", "NodePort", "80", "30003")
			 "," SERVICE(ALERTMANAGER, "NodePort", "9093", "30004")) },
	{ SLICES, LIST(SLICE(PROMETHEUS, "true") "," SLICE("monitoring-grafana", "true") "," SLICE(ALERTMANAGER, "true")) },
	{ "web:http://160.85.30.104:30002/-/ready", "200\nPrometheus Server is Ready.\n" },
	{ "web:http://160.85.30.104:30003/api/health", "200\n{}" },
	{ "web:http://160.85.30.104:30004/-/ready", "200\nOK" },
	{ "web:http://160.85.30.104:30003/login", "200\n<title>Grafana</title>" },
	{ TARGETS, ACTIVE(TARGET("kepler-metrics", "c", "up", "@now") "," TARGET("kubelet", "c", "down", "@now") ","
			  TARGET("kepler-metrics", "w", "up", "@now")) },
	{ VOLUMES, LIST(VOLUME("pv-grafana", "10Gi", "local-nfs", "mon", "pvc-grafana", "Bound") ","
			VOLUME("pv-prometheus", "53687091200", "local-nfs", "mon", "pvc-p", "Bound") ","
			VOLUME("pv-alertmanager", "5Gi", "local-nfs", "mon", "pvc-a", "Bound") "," PINNED("c")) },
	{ CLAIMS, LIST(CLAIM("pvc-grafana", "10Gi", "Bound") "," CLAIM("pvc-p", "50Gi", "Bound") "," CLAIM("pvc-a", "5Gi", "Bound")) },
	{ RUNTIME, "{\"data\":{\"startTime\":\"2026-01-02T00:00:00Z\"}}" },
	{ OLDEST, RESULT("{\"metric\":{},\"value\":[1,\"1767225600\"]}") },	/* a day before */
	{ CLASSES, LIST(CLASS("local-nfs", "true") "," CLASS("local-path", "false")) },
	{ RULES, GROUP(RULE("one", "ok") "," RULE("two", "unknown")) },
	{ ALERTS, TOLD(ALERT("Watchdog", "none", "firing") "," ALERT("InfoInhibitor", "info", "firing") ","
		       ALERT("EnergyExporterDown", "warning", "pending")) },
	{ COMPACTIONS, RESULT("{\"metric\":{},\"value\":[1,\"0\"]}") },
	{ WATTS, RESULT(SAMPLE("c", "205.5") "," SAMPLE("w", "80")) },
	{ "journal:exporter", "ts=2026 level=info msg=\"component measured\" component=package source=rapl-sysfs\n"
			      "ts=2026 level=warn msg=\"a source went away\"\nts=2026 level=error msg=once" },
	{ NODES, LIST(NODE("w", "192.168.0.2", "True") "," NODE("c", "192.168.0.1", "True")) },
	{ LEASES, LIST(LEASE("c", "@now") "," LEASE("w", "@now")) },
	{ PODS, LIST(POD("a", RUNS, "ReplicaSet") "," POD("b", "\"phase\":\"Succeeded\"", "Job") ","
		     POD("b2", "\"phase\":\"Failed\"", "Job")) },
	{ DEPLOYMENTS, LIST(DEPLOYMENT("coredns", "True") "," DEPLOYMENT("metrics-server", "True") ","
			    DEPLOYMENT("local-path-provisioner", "True") "," DEPLOYMENT("traefik", "True")) },
	{ "api:/api/v1/namespaces", LIST("{}") },
	{ "unit:k3s.service", "ActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=0" },
	{ "unit:k3s-agent.service", "ActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=0" },
	{ "reach:192.168.0.1 192.168.0.2", "ping" },
	{ "reach:192.168.0.2 192.168.0.1", "ping" },
	{ "tcp:160.85.30.104 6443", "open" },
	{ "overlay:flannel.1", "mtu=1450\nlocal=192.168.0.1\n10.42.1.0/24=reached" },
	{ "dns:kubernetes.default.svc.cluster.local", "address=10.43.0.1" },
	{ "host:os", "kernel=6.1.0\narch=amd64\ncgroup=2" },
	{ "node:/var/lib/rancher/k3s:c", "ready=True\nversion=v1.30.2+k3s1" },
	{ "sysctl:kernel/perf_event_paranoid", "-1" },
	{ "text:/etc/sysctl.d/90-powerstack.conf", "# managed by powerstack\nkernel.perf_event_paranoid = -1\n" },
	{ "clock-offset:-", "source=chrony\noffset_s=-0.000012\nsynced=yes" },
	{ "free:/", "size=10000000000\nfree=5000000000\ninodes=1000\ninodes_free=900" },
	{ "free:/var", "size=10000000000\nfree=5000000000\ninodes=1000\ninodes_free=900" },
	{ "free:/mnt/data", "size=8588886016\nfree=8000000000\ninodes=0\ninodes_free=0" },
	{ "pressure:-", "memory=1000000000\navailable=500000000\npids=100\npids_max=32768" },
	{ "btrfs:/mnt/data", "errors=0" },
	{ "unit:powerstack-exporter.service", "ActiveState=active" },
	{ "http:9102:/healthz", "HTTP/1.1 200 OK\r\n\r\nok" },
	{ PAGE, OK_PAGE REDFISH "1\n" JOULES("package", "rapl-sysfs") JOULES("package", "rapl-sysfs") JOULES("platform", "redfish") },
	{ "zones:-", "0" },
	{ "blk:/dev/disk/by-id/d", "state=ours\nsize=8589934592\npart=/dev/vdb1\nuuid=11-22" },
	{ "fstab:/mnt/data", "n=1\nspec=UUID=11-22\ntype=btrfs\noptions=nofail" },
	{ "mount:/mnt/data", "source=/dev/vdb1\ntype=btrfs" },
	{ "fstab-check:-", "clean" },
	{ "exports:/mnt/data", "192.168.0.0/24(rw,sync,wdelay,no_root_squash)" },
	{ "statfs:/mnt/data", "type=nfs\nsize=1\nfree=1" },
	{ "nfs-write:77:w:/mnt/data", "written\nms=12" },
	{ "nfs-read:77:/mnt/data", "w=powerstack 77 w" },
	{ "nfs-delete:77:w:/mnt/data", "deleted" },
	{ "unit:nfs-server.service", "ActiveState=active\nUnitFileState=enabled" },
	{ "nfsd:-", "threads=8" },
	{ "listen:tcp/2049", "0.0.0.0:2049 kernel" },
	{ "journal:nfs", "2026 kernel: NFSD: Using nfsdcld client tracking operations.\n2026 kernel: a disk is slow" },
	{ "ps:-", "/usr/sbin/sshd -D\n/sbin/init\n" },
	{ "file:/etc/powerstack/exporter.yml", "type=f\nmode=600\nuid=0" },
};

static const struct host hosts[] = {
	{ .name = "c", .node_name = "c", .arch = "amd64", .roles = ROLE_SERVER | ROLE_CONTROL, .internal_ip = "192.168.0.1", .external_ip = "160.85.30.104", .bmc_ip = "160.85.30.101", .bmc_user = { "user" },
	  .bmc_password = { "password" }, .disk = "/dev/disk/by-id/d" },
	{ .name = "w", .node_name = "w", .arch = "amd64", .roles = ROLE_AGENT, .internal_ip = "192.168.0.2" },
};
static struct inventory inv = {
	.hosts = hosts, .nhosts = 2, .control = &hosts[0], .export_path = "/mnt/data",
	.nfs_network = "192.168.0.0/24", .nfs_server = "192.168.0.1", .exporter_port = 9102,
	.cluster_name = "powerstack", .api_endpoint = "160.85.30.104", .api_port = 6443,
	.k3s_version = "v1.30.2+k3s1", .k3s_server_location = "/var/lib/rancher/k3s",
	.rancher_hostname = "rancher.local", .monitoring_namespace = "mon", .prometheus_scrape_interval = "10s",
	.prometheus_nodeport = 30002, .grafana_nodeport = 30003, .alertmanager_nodeport = 30004,
	.pv_name = "pv", .storageclass_name = "local-nfs",
	.pv_size_grafana = 10ull << 30, .pv_size_prometheus = 50ull << 30, .pv_size_alertmanager = 5ull << 30,
	.pvc_size_grafana = 10ull << 30, .pvc_size_prometheus = 50ull << 30, .pvc_size_alertmanager = 5ull << 30,
};

static const struct answer_row *find(const struct answer_row *rows, size_t n, const char *q)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].question, q) == 0)
			return &rows[i];
	return NULL;
}

/* The value, "@now" in it replaced by the time as the API writes it; "@soon" is in 29 days and some, in seconds. */
static void add_with_now(struct buf *b, const char *value)
{
	char now[40];
	time_t t = time(NULL);
	struct tm tm;
	if (strcmp(value, "@soon") == 0) {
		buf_addf(b, "%lld", (long long)t + 29 * 86400 + 9000);
		return;
	}
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S.000000Z", gmtime_r(&t, &tm));
	for (const char *at; (at = strstr(value, "@now")); value = at + 4) {
		buf_add(b, value, (size_t)(at - value));
		buf_adds(b, now);
	}
	buf_adds(b, value);
}

static enum verdict judge(const struct check *c, const struct answer_row *other, size_t nother,
			  const struct vault *vault, char *why, size_t size)
{
	static const struct purge no_purge;
	struct view v = { .inv = &inv, .host = &hosts[c->roles == ROLE_AGENT], .vault = vault, .purge = &no_purge,
			  .run_id = "77" };
	struct probe p = { 0 };
	c->ask(c, &v, &p);
	AUTO_BUF struct buf b;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < p.questions.n; i++) {
		const char *q = p.questions.v[i];
		const struct answer_row *r = find(other, nother, q);
		if (!r)
			r = find(well, COUNT(well), q);
		if (r && r->value && r->value[0] == '!')
			buf_addf(&b, "!%s=%s", q, r->value + 1);
		else if (r && r->value) {
			buf_addf(&b, "=%s=", q);
			add_with_now(&b, r->value);
		}
		else
			buf_addf(&b, "-%s", q);
		buf_addc(&b, '\0');
	}
	buf_adds(&b, "=probe=complete");
	buf_addc(&b, '\0');
	struct facts *f = NULL;
	struct err e = { 0 };
	cr_assert_eq(facts_parse(&p, b.data, b.len, &f, &e), 0, "%s", e.msg);
	v.facts = f;
	enum verdict verdict = c->judge(c, &v, why, size);
	facts_free(f);
	probe_clear(&p);
	return verdict;
}

static void passes(const struct check *const *c)
{
	for (size_t i = 0; c[i]; i++) {
		/* on a worker the mount is the share; after the delete no file is left */
		const struct answer_row worker[] = { { "mount:/mnt/data", "source=192.168.0.1:/mnt/data\ntype=nfs4" },
						     { "fstab:/mnt/data", "n=1\nspec=192.168.0.1:/mnt/data\ntype=nfs4" } };
		const struct answer_row gone[] = { { "nfs-read:77:/mnt/data", NULL } };
		char why[400] = "";
		bool at_worker = c[i]->roles == ROLE_AGENT;
		/* these judge by the recipe's own rows: tests/recipes */
		if (c[i] == &check_b1_12 || c[i] == &check_b1_13 || c[i] == &check_b4_6 ||
		    c[i] == &check_x7_rancher || c[i] == &check_x7_monitoring)
			continue;
		enum verdict got = judge(c[i], at_worker ? worker : gone,
					 at_worker ? 2 : c[i] == &check_b2_9_gone, NULL, why, sizeof(why));
		cr_assert_eq(got, CHECK_PASS, "%s: %s", c[i]->id, why);
		cr_assert_neq(why[0], '\0', "%s gives no evidence", c[i]->id);
	}
}

Test(checks, all_is_well)
{
	passes(checks);
}

Test(checks, each_fault_is_found_and_named)
{
	static const struct {
		const struct check *check;
		struct answer_row row;
		const char *says;
	} cases[] = {
		{ &check_b1_1, { NODES, LIST(NODE("c", "192.168.0.1", "True")) }, "'w' (192.168.0.2) is not in the cluster" },
		{ &check_b1_1, { NODES, LIST(NODE("c", "192.168.0.1", "True") "," NODE("v", "192.168.0.2", "True")) }, "'w' is called 'v'" },
		{ &check_b1_1, { NODES, LIST(NODE("c", "192.168.0.1", "True") "," NODE("w", "192.168.0.2", "True") ","
					     NODE("x", "192.168.0.3", "True")) }, "'x' (192.168.0.3) is in the cluster and not" },
		{ &check_b1_1, { NODES, "!connection refused" }, "connection refused" },
		{ &check_b1_1, { NODES, "<html>" }, "no JSON" },
		{ &check_b1_2, { NODES, LIST(NODE("c", "192.168.0.1", "True") "," NODE("w", "192.168.0.2", "False")) },
		  "'w' is not Ready: as it says" },
		{ &check_b1_2, { LEASES, LIST(LEASE("c", "@now") "," LEASE("w", "2024-01-01T00:00:00.000000Z")) }, "s old" },
		{ &check_b1_2, { LEASES, LIST(LEASE("c", "@now")) }, "'w' has no heartbeat" },
		{ &check_b1_3, { NODES, LIST(NODE("c", "192.168.0.1", "True") "," NODE("w", "10.0.2.15", "True")) },
		  "InternalIP 10.0.2.15 instead of 192.168.0.2" },
		{ &check_b1_4, { "unit:k3s.service", "ActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nNRestarts=9" },
		  "activating (auto-restart)" },
		{ &check_b1_5, { "unit:k3s-agent.service", "ActiveState=active\nSubState=running\nUnitFileState=disabled\nNRestarts=0" },
		  "disabled" },
		{ &check_b1_6, { PODS, LIST(POD("a", RUNS, "ReplicaSet") ","
					    POD("b", "\"phase\":\"Pending\",\"containerStatuses\":[{\"ready\":false,\"state\":"
						     "{\"waiting\":{\"reason\":\"ImagePullBackOff\"}}}]", "ReplicaSet")) },
		  "1 of 2 pods: ns/b: ImagePullBackOff" },
		{ &check_b1_6, { PODS, LIST(POD("a", "\"phase\":\"Failed\",\"reason\":\"Evicted\"", "ReplicaSet")) }, "Evicted" },
		{ &check_b1_6, { PODS, LIST(POD("a", "\"phase\":\"Running\"", "ReplicaSet")) }, "nothing is known" },
		{ &check_b1_7, { DEPLOYMENTS, LIST(DEPLOYMENT("coredns", "False")) }, "coredns is not available: so it is" },
		{ &check_b1_7, { DEPLOYMENTS, LIST(DEPLOYMENT("coredns", "True")) }, "metrics-server is not available: there is no" },
		{ &check_b1_8, { "api:/api/v1/namespaces", "!https://x: status 401: Unauthorized" }, "401" },
		{ &check_b1_9, { PODS, NULL }, "not served" },
		{ &check_b1_10, { "reach:192.168.0.1 192.168.0.2", NULL }, "no answer" },
		{ &check_b1_11, { "tcp:160.85.30.104 6443", "refused" }, "nothing listens" },
		{ &check_b1_11, { "tcp:160.85.30.104 6443", "filtered" }, "VPN" },
		{ &check_x5, { "node:/var/lib/rancher/k3s:c", "ready=True\nversion=v1.29.0+k3s1" }, "K3s v1.29.0+k3s1 (wanted v1.30.2+k3s1)" },
		{ &check_x5, { "host:os", "kernel=6.1.0\narch=arm64\ncgroup=2" }, "arm64 (wanted amd64)" },
		{ &check_s1, { "sysctl:kernel/perf_event_paranoid", "4" }, "is 4, not -1" },
		{ &check_s1, { "text:/etc/sysctl.d/90-powerstack.conf", NULL }, "lost at the next boot" },
		{ &check_s1, { "text:/etc/sysctl.d/90-powerstack.conf", "# nothing" }, "does not set it" },
		{ &check_x1, { "clock-offset:-", "source=chrony\noffset_s=-0.061\nsynced=yes" }, "-61.000 ms" },
		{ &check_x1, { "clock-offset:-", "source=systemd-timesyncd\noffset_text=+50ms\nsynced=yes" }, "50.000 ms" },
		{ &check_x1, { "clock-offset:-", "source=chrony\noffset_s=0\nsynced=no" }, "not synchronised" },
		{ &check_x1, { "clock-offset:-", "source=chrony\nsynced=yes" }, "no offset" },
		{ &check_x1, { "clock-offset:-", "!timed out" }, "timed out" },
		{ &check_x3, { "free:/var", "size=10000000000\nfree=900000000\ninodes=10\ninodes_free=10" }, "/var has" },
		{ &check_x3, { "free:/", "size=10000000000\nfree=5000000000\ninodes=1000\ninodes_free=9" }, "inodes" },
		{ &check_x3, { "pressure:-", "memory=1000000000\navailable=1000000\npids=1\npids_max=10" }, "memory" },
		{ &check_x3, { "pressure:-", "memory=1000000000\navailable=500000000\npids=32000\npids_max=32768" }, "processes" },
		{ &check_x3, { "btrfs:/mnt/data", "errors=3" }, "3 device errors" },
		{ &check_s3, { "unit:powerstack-exporter.service", "ActiveState=failed" }, "is failed" },
		{ &check_s3, { "http:9102:/healthz", "HTTP/1.1 503 No\r\n\r\n" }, "503" },
		{ &check_s3, { "http:9102:/metrics", "HTTP/1.1 200 OK\r\n\r\nhello" }, "not a page" },
		{ &check_s3, { "http:9102:/metrics", "HTTP/1.1 200 OK\r\n\r\n# HELP x\nkepler_exporter_build_info{} 1\n"
			"kepler_node_info{} 1\npowerstack_exporter_source_up{source=\"kubelet\"} 0\n" }, "no names" },
		{ &check_s3, { "http:9102:/metrics", "HTTP/1.1 200 OK\r\n\r\n# HELP x\nkepler_exporter_build_info{} 1\n"
			"kepler_node_info{} 1\npowerstack_exporter_source_up{source=\"kubelet\"} 0\n"
			"powerstack_exporter_source_age_seconds{source=\"kubelet\"} 130.512\n" }, "no names" },
		{ &check_b2_1, { "fstab:/mnt/data", NULL }, "no line" },
		{ &check_b2_1, { "fstab:/mnt/data", "n=2\nspec=UUID=11-22\ntype=btrfs" }, "2 lines" },
		{ &check_b2_1, { "fstab:/mnt/data", "n=1\nspec=/dev/sdb1\ntype=btrfs" }, "/dev/sdb1" },
		{ &check_b2_1, { "fstab:/mnt/data", "n=1\nspec=UUID=11-23\ntype=btrfs" }, "11-23" },
		{ &check_b2_1, { "fstab-check:-", "!1 parse error" }, "parse error" },
		{ &check_b2_2, { "mount:/mnt/data", NULL }, "not a mount point" },
		{ &check_b2_2, { "mount:/mnt/data", "source=/dev/vdc1\ntype=btrfs" }, "/dev/vdc1" },
		{ &check_b2_3, { "free:/mnt/data", "size=4294967296\nfree=1" }, "4096 MiB" },
		{ &check_b2_4, { "exports:/mnt/data", NULL }, "not exported" },
		{ &check_b2_4, { "exports:/mnt/data", "*(rw,sync,no_root_squash)" }, "exported to *" },
		{ &check_b2_4, { "exports:/mnt/data", "192.168.0.0/24(rw,async,no_root_squash)" }, "'sync'" },
		{ &check_b2_4, { "exports:/mnt/data", "192.168.0.0/24(rw,sync,root_squash)" }, "'no_root_squash'" },
		{ &check_b2_4, { "exports:/mnt/data", "192.168.0.0/24(rw)\n10.0.0.0/8(rw)" }, "more than once" },
		{ &check_b2_5, { "mount:/mnt/data", NULL }, "not a mount point" },
		{ &check_b2_5, { "mount:/mnt/data", "source=/dev/vdb1\ntype=btrfs" }, "not nfs" },
		{ &check_b2_6, { "mount:/mnt/data", "source=192.168.0.2:/mnt/data\ntype=nfs4" }, "mounted from 192.168.0.2" },
		{ &check_b2_7, { "nfs-write:77:w:/mnt/data", "written\nms=2500" }, "2500 ms" },
		{ &check_b2_7, { "nfs-write:77:w:/mnt/data", "!Read-only file system" }, "Read-only" },
		{ &check_b2_8, { "nfs-read:77:/mnt/data", NULL }, "of w is not" },
		{ &check_b2_8, { "nfs-read:77:/mnt/data", "w=powerstack 77 x" }, "other bytes" },
		{ &check_b2_9_deleted, { "nfs-delete:77:w:/mnt/data", "!Permission denied" }, "Permission denied" },
		{ &check_b2_9_gone, { "nfs-read:77:/mnt/data", "w=powerstack 77 w" }, "still here" },
		{ &check_b2_10, { "unit:nfs-server.service", "ActiveState=active\nUnitFileState=disabled" }, "disabled" },
		{ &check_b2_10, { "nfsd:-", "threads=0" }, "no nfsd thread" },
		{ &check_b2_10, { "listen:tcp/2049", NULL }, "tcp/2049" },
		{ &check_b2_11, { "journal:nfs", "2026 kernel: nfsd: peername failed" }, "peername" },
		{ &check_b3_1, { "api:/api/v1/namespaces/cattle-system", NULL }, "not served" },
		{ &check_b3_1, { "api:/api/v1/namespaces/cattle-system", NS("cattle-system", "Terminating") }, "is Terminating" },
		{ &check_b3_2, { CERT_MANAGER, LIST(READY("cert-manager", "1", "1") "," READY("cert-manager-cainjector", "1", "0")) },
		  "cert-manager-cainjector: 0 of 1 pods ready" },
		{ &check_b3_2, { CERT_MANAGER, LIST(READY("cert-manager", "1", "1") "," READY("cert-manager-cainjector", "1", "1")) },
		  "no deployment 'cert-manager-webhook'" },
		{ &check_b3_3, { CATTLE, LIST(READY("rancher", "3", "2") "," READY("rancher-webhook", "1", "1")) }, "2 of 3" },
		{ &check_b3_3, { CATTLE, LIST(READY("rancher", "0", "0") "," READY("rancher-webhook", "1", "1")) }, "0 of 0" },
		{ &check_b3_4, { INGRESSES, LIST("") }, "0 ingresses" },
		{ &check_b3_5, { INGRESSES, LIST(INGRESS("other.local", "")) }, "has the host 'rancher.local'" },
		{ &check_b3_5, { INGRESSES, LIST(INGRESS("rancher.local", "")) }, "no address yet" },
		{ &check_b3_6, { PING, "!https://rancher.local/ping cannot be reached: no" }, "cannot be reached" },
		{ &check_b3_6, { PING, "404\n404 page not found" }, "/ping answers 404" },
		{ &check_b3_6, { ROOT, "!https://rancher.local/ redirects more than 5 times" }, "more than 5 times" },
		{ &check_b3_6, { ROOT, "503\n" }, "/ answers 503" },
		{ &check_x4_k3s, { "cert:https://160.85.30.104:6443/", "1700000000" }, "days ago" },
		{ &check_x4_k3s, { "cert:https://160.85.30.104:6443/", "!no answer" }, "no answer" },
		{ &check_x4_rancher, { "cert:https://rancher.local/ 160.85.30.104", "@soon" }, "ends in 29 days (limit 30)" },
		{ &check_x2_overlay, { "overlay:flannel.1", NULL }, "flannel.1 is not there" },
		{ &check_x2_overlay, { "overlay:flannel.1", "mtu=1450\nlocal=160.85.30.104\n10.42.1.0/24=reached" },
		  "goes by 160.85.30.104, not by internal_ip 192.168.0.1" },
		{ &check_x2_overlay, { "overlay:flannel.1", "mtu=1450\nlocal=192.168.0.1\n10.42.1.0/24=lost" },
		  "packets of 1450 bytes to the pods of 10.42.1.0/24 are lost" },
		{ &check_x2_overlay, { "overlay:flannel.1", "mtu=1450\nlocal=192.168.0.1" }, "0 of 1 other nodes" },
		{ &check_x2_dns, { "dns:kubernetes.default.svc.cluster.local", NULL }, "there is no K3s" },
		{ &check_x2_dns, { "dns:kubernetes.default.svc.cluster.local", "!10.43.0.10 does not answer" }, "10.43.0.10 does not answer" },
		{ &check_x2_dns, { "dns:kubernetes.default.svc.cluster.local", "rcode=3" }, "(code 3)" },
		{ &check_b3_7, { "rancher:cattle-system/bootstrap-secret", NULL }, "there is no K3s" },
		{ &check_b3_7, { "rancher:cattle-system/bootstrap-secret", "error: (Unauthorized)" }, "not take its first password: error: (Unauthorized)" },
		{ &check_b3_7, { "rancher:cattle-system/bootstrap-secret", "!secrets \"bootstrap-secret\" not found" }, "not found" },
		{ &check_b3_10, { "journal:rancher", NULL }, "there is no K3s" },
		{ &check_b3_10, { "journal:rancher", "!no pod answers" }, "no pod answers" },
		{ &check_b3_10, { "journal:rancher", "2026/01/05 20:00:00 [INFO] on\n2026/01/05 20:00:00 [FATAL] 20 failed" }, "ended in the last ten minutes: 2026/01/05 20:00:00 [FATAL]" },
		{ &check_b3_10, { "journal:rancher", "F0105 20:00:00.1 1 main.go:1] lost" }, "lost" },
		{ &check_b3_10, { "journal:rancher", "{\"level\":\"panic\",\"msg\":\"of it\"}" }, "of it" },
		{ &check_b3_10, { "journal:rancher", ELEVEN("t [ERROR] etcd is ill\n") }, "11 errors in ten minutes, the last: t [ERROR] etcd is ill" },
		{ &check_b3_10, { "journal:rancher", ELEVEN("level=error msg=\"of one\"\n") }, "11 errors" },
		{ &check_b3_10, { "journal:rancher", ELEVEN("{\"level\":\"error\"}\n") }, "11 errors" },
		{ &check_b3_10, { "journal:rancher", ELEVEN("E0105 20:00:00.1 1 watch.go:1] no\n") }, "11 errors" },
		{ &check_b3_10, { "journal:rancher", ELEVEN(ELEVEN("[ERROR] x, requeuing\n")) ELEVEN(ELEVEN("[ERROR] context canceled\n")) },
		  "242 things were tried again" },
		{ &check_b3_8, { CLUSTER, NULL }, "not served" },
		{ &check_b3_9, { CLUSTER, LOCAL("False") }, "not Connected: so it is" },
		{ &check_b3_9, { CLUSTER, "{\"status\":{}}" }, "not Ready: nothing is known" },
		{ &check_b4_1, { MONITORING, NS("mon", "Terminating") }, "Terminating" },
		{ &check_b4_2, { MONITORING "/pods", LIST("") }, "no pods" },
		{ &check_b4_2, { MONITORING "/pods", LIST(POD("a", "\"phase\":\"Pending\"", "ReplicaSet")) }, "ns/a: Pending" },
		{ &check_b4_3, { SERVICES, LIST(SERVICE(PROMETHEUS, "NodePort", "9090", "30090")) }, "with NodePort 30090, wanted 30002" },
		{ &check_b4_3, { SERVICES, LIST(SERVICE(PROMETHEUS, "ClusterIP", "9090", "0")) }, "type ClusterIP" },
		{ &check_b4_3, { SERVICES, LIST(SERVICE(PROMETHEUS, "NodePort", "9090", "30002")) }, "no service 'monitoring-grafana'" },
		{ &check_b4_3, { SLICES, LIST(SLICE(PROMETHEUS, "true") "," SLICE("monitoring-grafana", "false")) },
		  "behind the service 'monitoring-grafana'" },
		{ &check_b4_4, { "web:http://160.85.30.104:30004/-/ready", "503\nstarting" }, "30004/-/ready answers 503" },
		{ &check_b4_4, { "web:http://160.85.30.104:30002/-/ready", "!no answer within 15 s" }, "no answer" },
		{ &check_b4_5, { "web:http://160.85.30.104:30003/login", "200\nhello" }, "is not Grafana's" },
		{ &check_b4_7, { TARGETS, ACTIVE(TARGET("kepler-metrics", "c", "up", "@now")) }, "0 targets for the exporter of 'w'" },
		{ &check_b4_7, { TARGETS, ACTIVE(TARGET("kepler-metrics", "c", "up", "@now") "," TARGET("kepler-metrics", "w", "down", "@now")) },
		  "exporter of 'w' is down: so it is" },
		{ &check_b4_7, { TARGETS, ACTIVE(TARGET("kepler-metrics", "c", "up", "@now") "," TARGET("kepler-metrics", "w", "up", "2024-01-01T00:00:00Z")) },
		  "s ago" },
		{ &check_b4_7, { TARGETS, ACTIVE(TARGET("kepler-metrics", "c", "up", "@now") "," TARGET("kepler-metrics", "c", "up", "@now")) },
		  "2 targets for the exporter of 'c'" },
		{ &check_b4_7, { TARGETS, ACTIVE(TARGET("kepler-metrics", "c", "up", "@now") "," TARGET("kepler-metrics", "w", "up", "@now") ","
						 TARGET("kepler-metrics", "x", "up", "@now")) }, "3 targets for 2 nodes" },
		{ &check_b4_8, { VOLUMES, LIST("") }, "no volume 'pv-prometheus'" },
		{ &check_b4_8, { VOLUMES, LIST(VOLUME("pv-prometheus", "50Gi", "local-nfs", "mon", "pvc-p", "Released")) }, "is Released" },
		{ &check_b4_8, { VOLUMES, LIST(VOLUME("pv-prometheus", "50Gi", "other", "mon", "pvc-p", "Bound")) }, "of class 'other'" },
		{ &check_b4_8, { VOLUMES, LIST(VOLUME("pv-prometheus", "20Gi", "local-nfs", "mon", "pvc-p", "Bound")) }, "20480 MiB" },
		{ &check_b4_8, { VOLUMES, LIST(VOLUME("pv-prometheus", "50Gi", "local-nfs", "shop", "pvc-p", "Bound")) }, "not bound to it" },
		{ &check_b4_8, { CLAIMS, LIST(CLAIM("pvc-p", "50Gi", "Lost")) }, "not bound to it" },
		{ &check_b4_9, { VOLUMES, LIST("") }, "'pv-alertmanager' does not belong to the claim that is there now" },
		{ &check_b4_9, { VOLUMES, LIST(VOLUME("pv-alertmanager", "5Gi", "local-nfs", "mon", "pvc-grafana", "Bound") ","
					       VOLUME("pv-grafana", "10Gi", "local-nfs", "mon", "pvc-old", "Bound")) },
		  "'pv-grafana' does not belong" },
		{ &check_b4_9, { RUNTIME, "{}" }, "does not say when it was started" },
		{ &check_b4_9, { OLDEST, RESULT("") }, "no sample of its oldest time" },
		{ &check_b4_9, { OLDEST, RESULT("{\"value\":[1,\"9.223372036854776e+15\"]}") }, "no sample of its oldest time" },
		{ &check_b4_9, { OLDEST, RESULT("{\"value\":[1,\"1767312010\"]}") }, "claimed 24.0 h before its last start, and nothing" },
		{ &check_s6, { CLASSES, LIST(CLASS("local-path", "false")) }, "no storage class 'local-nfs'" },
		{ &check_s6, { CLASSES, LIST(CLASS("local-nfs", "true") "," CLASS("local-path", "true")) }, "local-path is a default" },
		{ &check_x6, { CLASSES, LIST(CLASS("local-nfs", "true") "," CLASS("fast", "true")) }, "2 default storage classes: local-nfs, fast" },
		{ &check_x6, { CLASSES, LIST(CLASS("local-nfs", "false")) }, "0 default" },
		{ &check_s8, { VOLUMES, LIST(PINNED("w")) }, "'pvc-7' (claim shop/db)" },
		{ &check_s8, { VOLUMES, LIST("{\"metadata\":{\"name\":\"h\"},\"spec\":{\"hostPath\":{}}}") }, "'h'" },
		{ &check_x8, { RULES, GROUP(RULE("one", "ok") "," RULE("two", "err")) }, "rule two fails: so it is" },
		{ &check_x8, { RULES, "{\"data\":{\"groups\":[]}}" }, "no rules" },
		{ &check_x8, { ALERTS, TOLD("") }, "Watchdog does not fire" },
		{ &check_x8, { ALERTS, TOLD(ALERT("Watchdog", "none", "firing") "," ALERT("EnergyExporterDown", "warning", "firing")) },
		  "alert EnergyExporterDown fires: so it is" },
		{ &check_x8, { COMPACTIONS, RESULT("{\"value\":[1,\"1\"]}") }, "merge its blocks" },
		{ &check_x9, { WATTS, RESULT(SAMPLE("c", "205.5")) }, "no power of 'w'" },
		{ &check_x9, { WATTS, RESULT(SAMPLE("c", "205.5") "," SAMPLE("w", "0")) }, "'w' draws 0 W" },
		{ &check_x9, { WATTS, RESULT(SAMPLE("c", "1e9") "," SAMPLE("w", "1")) }, "'c' draws 1e9 W" },
		{ &check_x9, { WATTS, RESULT(SAMPLE("c", "NaN") "," SAMPLE("w", "1")) }, "'c' draws NaN W" },
		{ &check_s2, { PAGE, OK_PAGE REDFISH "0\n" }, "160.85.30.101 does not tell" },
		{ &check_s2, { PAGE, OK_PAGE }, "does not ask 160.85.30.101" },
		{ &check_s4, { PAGE, OK_PAGE JOULES("package", "rapl-sysfs") JOULES("package", "rapl-msr") }, "of rapl-sysfs and of rapl-msr" },
		{ &check_s4, { PAGE, OK_PAGE "kepler_node_dram_joules_total{resource=\"x\"} 1\n" }, "dram_joules_total has no source" },
		{ &check_s5, { "journal:exporter", "level=error msg=a\nlevel=error msg=a\nlevel=error msg=a\nlevel=error msg=a\nlevel=error msg=b\n"
						   "msg=\"component measured\"" }, "5 errors since it started, the last: level=error msg=b" },
		{ &check_s5, { "journal:exporter", "level=info msg=listening" }, "what measures what" },
		{ &check_s5, { "journal:exporter", NULL }, "no line" },
		{ &check_s7, { "file:/tmp/kepler-values.yml", "type=f\nmode=644" }, "/tmp/kepler-values.yml is there" },
		{ &check_s7, { "file:/tmp/kepler-values.yml", "!it changed" }, "it changed" },
		{ &check_x10, { "file:/etc/powerstack/exporter.yml", "type=f\nmode=644\nuid=0" }, "mode 644" },
		{ &check_x10, { "file:/etc/rancher/k3s/config.yaml", "type=f\nmode=600\nuid=1000" }, "owner 1000" },
		{ &check_x10, { "exports:/mnt/data", "0.0.0.0/0(rw)" }, "more than 192" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct answer_row rows[] = {
			cases[i].row,
			{ "mount:/mnt/data", "source=192.168.0.1:/mnt/data\ntype=nfs4" },
			{ "fstab:/mnt/data", "n=1\nspec=192.168.0.1:/mnt/data\ntype=nfs4" },
		};
		char why[400] = "";
		enum verdict got = judge(cases[i].check, rows, cases[i].check->roles == ROLE_AGENT ? 3 : 1, NULL, why,
					 sizeof(why));
		cr_assert_eq(got, CHECK_FAIL, "%s passes with %s=%s: %s", cases[i].check->id, cases[i].row.question,
			     cases[i].row.value ? cases[i].row.value : "(absent)", why);
		cr_assert_not_null(strstr(why, cases[i].says), "%s says '%s', not '%s'", cases[i].check->id, why,
				   cases[i].says);
	}
}

Test(checks, joules_are_wanted_where_there_is_a_meter)
{
	const struct answer_row rows[] = {
		{ "zones:-", "2" },
		{ "http:9102:/metrics", "HTTP/1.1 200 OK\r\n\r\n# x\nkepler_exporter_build_info{a=\"b\"} 1\nkepler_node_info{a=\"b\"} 1\n"
					"kepler_node_package_joules_total{package=\"0\"} 12.5\n" },
	};
	char why[400] = "";
	cr_assert_eq(judge(&check_s3, rows, 2, NULL, why, sizeof(why)), CHECK_PASS, "%s", why);
	const struct answer_row none[] = { { "zones:-", "2" }, { PAGE, OK_PAGE } };
	cr_assert_eq(judge(&check_s3, none, 2, NULL, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "no joules"), "%s", why);
}

/* The kubelet of a node that is busy may answer once too late. */
Test(checks, names_stay_for_a_while)
{
	char why[300];
	const struct answer_row late = { "http:9102:/metrics", "HTTP/1.1 200 OK\r\n\r\n# HELP x\nkepler_exporter_build_info{} 1\n"
					 "kepler_node_info{} 1\npowerstack_exporter_source_up{source=\"kubelet\"} 0\n"
					 "powerstack_exporter_source_age_seconds{source=\"kubelet\"} 35.020\n" };
	cr_assert_eq(judge(&check_s3, &late, 1, NULL, why, sizeof(why)), CHECK_PASS, "%s", why);
}

/* Where the inventory wants TLS, the page is asked for by TLS, and no other answer counts. */
Test(checks, the_exporter_is_asked_as_the_inventory_says)
{
#define BY_TLS(path) "http:9102:" path ":/var/lib/rancher/k3s"
	const struct answer_row by_tls[] = { { BY_TLS("/healthz"), "HTTP/1.1 200 OK\r\n\r\nok" },
					     { BY_TLS("/metrics"), OK_PAGE REDFISH "1\n" JOULES("package", "rapl-sysfs") } };
	const struct answer_row plain[] = { { BY_TLS("/healthz"), "!it answers by plain HTTP, not by TLS" },
					    { BY_TLS("/metrics"), "!it answers by plain HTTP, not by TLS" } };
	static const struct check *const asking[] = { &check_s2, &check_s3, &check_s4, NULL };
	const struct inventory was = inv;
	char why[400] = "";
	inv.exporter_tls = true;
	for (size_t i = 0; asking[i]; i++) {
		cr_expect_eq(judge(asking[i], by_tls, 2, NULL, why, sizeof(why)), CHECK_PASS, "%s: %s", asking[i]->id, why);
		cr_expect_eq(judge(asking[i], plain, 2, NULL, why, sizeof(why)), CHECK_FAIL, "%s passes", asking[i]->id);
		cr_expect_not_null(strstr(why, "it answers by plain HTTP, not by TLS"), "%s", why);
	}
	inv = was;
}

Test(checks, what_a_machine_does_not_have_is_skipped)
{
	const struct answer_row rows[] = { { PAGE, OK_PAGE } };
	static const struct purge no_purge;
	struct view v = { .inv = &inv, .host = &hosts[1], .purge = &no_purge };
	char why[400] = "";
	cr_assert_eq(judge(&check_s4, rows, 1, NULL, why, sizeof(why)), CHECK_SKIP, "%s", why);
	cr_assert_eq(check_s2.judge(&check_s2, &v, why, sizeof(why)), CHECK_SKIP, "%s", why);
	cr_assert_not_null(strstr(why, "no BMC_ip"), "%s", why);
	struct host unknown = hosts[0];
	const struct answer_row first[] = {
		{ OLDEST, RESULT("{\"value\":[1,\"1767312010\"]}") },
		{ CLAIMS, LIST(CLAIM("pvc-grafana", "10Gi", "Bound") "," CLAIM_SINCE("pvc-p", "50Gi", "Bound", "2026-01-01T23:30:00Z") ","
			       CLAIM("pvc-a", "5Gi", "Bound")) },
	};
	cr_assert_eq(judge(&check_b4_9, first, 2, NULL, why, sizeof(why)), CHECK_SKIP, "%s", why);
	cr_assert_not_null(strstr(why, "since its first sample"), "%s", why);
	unknown.bmc_password.entry = NULL;
	v.host = &unknown;
	cr_assert_eq(check_s2.judge(&check_s2, &v, why, sizeof(why)), CHECK_SKIP, "%s", why);
	cr_assert_not_null(strstr(why, "no user and password"), "%s", why);
}

Test(checks, a_vault_entry_in_the_process_list_is_found)
{
	struct err e = { 0 };
	AUTO_SECRET struct secret *text = NULL;
	struct vault *vault = NULL;
	static const char plain[] = "token: s3cr3t-token\n";
	cr_assert_eq(secret_new(plain, sizeof(plain) - 1, &text, &e), 0);
	cr_assert_eq(vault_new("vault.yml", text, &vault, &e), 0, "%s", e.msg);
	const struct answer_row rows[] = { { "ps:-", "k3s server --token s3cr3t-token\n" } };
	char why[400] = "";
	cr_assert_eq(judge(&check_x10, rows, 1, vault, why, sizeof(why)), CHECK_FAIL);
	cr_assert_not_null(strstr(why, "'token'"), "%s", why);
	cr_assert_null(strstr(why, "s3cr3t"), "the evidence shows the secret");
	cr_assert_eq(judge(&check_x10, NULL, 0, vault, why, sizeof(why)), CHECK_PASS, "%s", why);
	vault_free(vault);
}
