/* SPDX-License-Identifier: BSD-2-Clause */
/* What status makes of a node's answers. That it sees what deploy makes: tests/recipes. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "provision/provision.h"
#include "tests/fake/scripts.h"
#include "tests/fake/toys.h"

#define list(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define RELEASES                                                                                  \
	"api:/api/v1/secrets?labelSelector=owner%3Dhelm%2Cstatus%21%3Dsuperseded%2C"              \
	"name+in+%28cert-manager%2Cmonitoring%2Crancher%29"
#define DEPLOYMENTS "api:/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm"
#define RELEASE(name, ns, status, ready)                                                          \
	"{\"metadata\":{\"namespace\":\"" ns "\",\"labels\":{\"name\":\"" name "\",\"version\":\"3\",\"status\":\"" status "\"," \
	"\"powerstack-config-hash\":\"0123\",\"powerstack-ready\":\"" ready "\"}}}"
#define MINE(name, ns)                                                                            \
	"{\"metadata\":{\"namespace\":\"" ns "\",\"labels\":{\"name\":\"" name "\",\"version\":\"3\",\"status\":\"deployed\"}}}"
#define DEPLOYMENT(release, ns, labels)                                                           \
	"{\"metadata\":{\"labels\":{" labels "},\"annotations\":{\"meta.helm.sh/release-name\":\"" release        \
	"\",\"meta.helm.sh/release-namespace\":\"" ns "\"}}}"
#define ITEMS(items) "{\"items\":[" items "]}"
#define ACTIVE "ActiveState=active\nSubState=running\nResult=success"
#define FAILED "ActiveState=failed\nSubState=failed\nResult=exit-code"
#define PAGE "http:9102:/metrics"
#define TLS_PAGE PAGE ":/k3s"
#define OURS "HTTP/1.1 200 OK\r\n\r\n\nkepler_node_info{a=\"b\"} 1\nkepler_exporter_build_info{version=\"0.1.0\"} 1\n"

static struct inventory *inv;
static struct fake_net *net;
static struct cancel cancel;
static struct status_report report;
static struct run_options options;
static const struct recipe *const no_recipes[] = { NULL };
static const struct check *const no_checks[] = { NULL };

/* What fake hosts do not know by themselves, and no test has planted: it could not be told. */
static void begin(void)
{
	inv = toy_inventory(2);
	inv->export_path = "/mnt/data";
	inv->k3s_server_location = "/k3s";
	inv->monitoring_namespace = "mon";
	inv->exporter_port = 9102;
	net = fake_net_new(inv, node_scripts, node_questions);
	net->cancel = &cancel;
	atomic_store(&cancel.requested, 0);
	report = (struct status_report){ 0 };
	options = (struct run_options){
		.open = fake_open, .open_ctx = net, .cancel = &cancel, .recipes = no_recipes, .checks = no_checks
	};
}

static void end(void)
{
	status_report_clear(&report);
	fake_net_free(net);
	toy_inventory_free(inv);
}

TestSuite(status, .init = begin, .fini = end);

static void ask(void)
{
	struct err e = { 0 };
	status_report_clear(&report);
	cr_assert_eq(provision_status(inv, NULL, &options, &report, &e), 0, "%s", e.msg);
}

static const struct part_status *part(size_t node, const char *name)
{
	for (size_t i = 0; part_looks[i].part; i++)
		if (strcmp(part_looks[i].part, name) == 0)
			return &report.nodes[node].parts[i];
	cr_assert_fail("no part '%s'", name);
	return NULL;
}

Test(status, every_part_is_looked_at)
{
	size_t n = 0;
	for (; parts[n].name; n++)
		cr_expect_str_eq(part_looks[n].part, parts[n].name);
	cr_expect_null(part_looks[n].part);
	cr_expect_eq(n, STATUS_PARTS);
}

Test(status, a_node_is_asked_once_and_nothing_is_changed)
{
	ask();
	cr_assert_eq(report.n, 3);
	for (size_t i = 0; i < net->nhosts; i++) {
		cr_expect_eq(net->hosts[i]->commands, 1);
		cr_expect_eq(net->hosts[i]->opens, 1);
	}
	cr_expect_eq(fake_net_changes(net), 0);
	cr_expect_eq(report.failed, 0, "a bare machine lacks nothing");
	cr_expect_eq(status_exit(&report), 0);
	cr_expect_str_eq(report.nodes[0].os, "debian 12");
	cr_expect_str_eq(report.nodes[0].ready, "");
	cr_expect_not(report.nodes[0].power.known);
	cr_expect(part(0, "disk")->applies);
	cr_expect_not(part(1, "disk")->applies);
}

/* Beside the answers of an ordinary node: one or two that are otherwise, on the control node (0) or a worker (1). */
static const struct sight {
	size_t node;
	const char *part;
	enum part_is is;
	const char *version, *what;
	struct {
		const char *question, *value;
	} answers[3];
} sights[] = {
	{ 0, "prereq", PART_OK, "", "90-powerstack.conf", { { "file:/etc/sysctl.d/90-powerstack.conf", "type=f\nmark=yes" } } },
	{ 0, "prereq", PART_ABSENT, "", "", { { "file:/etc/sysctl.d/90-powerstack.conf", "type=f\nmark=no" } } },
	{ 0, "k3s", PART_OK, "v1.30.2+k3s1", "is Ready",
	  { { "unit:k3s.service", ACTIVE }, { "node:/k3s:ho1", "ready=True\nversion=v1.30.2+k3s1" } } },
	{ 1, "k3s", PART_FAILED, "v1", "not Ready: it is gone",
	  { { "unit:k3s-agent.service", ACTIVE }, { "node:/k3s:ho2", "ready=Unknown\nwhy=it is gone\nversion=v1" } } },
	{ 1, "k3s", PART_FAILED, "", "k3s-agent.service is failed (failed, exit-code)", { { "unit:k3s-agent.service", FAILED } } },
	{ 1, "k3s", PART_FAILED, "", "has not joined", { { "unit:k3s-agent.service", ACTIVE } } },
	{ 0, "disk", PART_OK, "", "/dev/vdb1, 38146 of 47683 MiB free", { { "mount:/mnt/data", "source=/dev/vdb1\ntype=btrfs" } } },
	{ 0, "disk", PART_FAILED, "", "in /etc/fstab and not mounted", { { "fstab:/mnt/data", "n=1\nspec=UUID=1" } } },
	{ 0, "nfs", PART_OK, "", "exports /mnt/data",
	  { { "file:/etc/exports.d/powerstack.exports", "type=f" }, { "unit:nfs-server.service", ACTIVE }, { "exports:/mnt/data", "*(rw)" } } },
	{ 0, "nfs", PART_FAILED, "", "/mnt/data is not exported",
	  { { "file:/etc/exports.d/powerstack.exports", "type=f" }, { "unit:nfs-server.service", ACTIVE } } },
	{ 0, "nfs", PART_ABSENT, "", "", { { "unit:nfs-server.service", FAILED } } },
	{ 1, "nfs", PART_OK, "", "c:/mnt/data, 1 of 2 MiB free",
	  { { "mount:/mnt/data", "source=c:/mnt/data\ntype=nfs4" }, { "statfs:/mnt/data", "type=nfs\nsize=2097152\nfree=1048576" } } },
	/* the fake host cannot tell statfs: as where the server is dead */
	{ 1, "nfs", PART_FAILED, "", "statfs:/mnt/data: no such kind", { { "mount:/mnt/data", "source=c:/mnt/data\ntype=nfs4" } } },
	{ 0, "helm", PART_OK, "", "/usr/local/bin/helm", { { "file:/usr/local/bin/helm", "type=f" }, { "record:helm", "file=1" } } },
	{ 0, "helm", PART_ABSENT, "", "", { { "file:/usr/local/bin/helm", "type=f" } } },
	{ 0, "rancher", PART_OK, "2.8.5", "cert-manager: revision 3 is deployed; rancher 2.8.5: revision 3 is deployed",
	  { { RELEASES, ITEMS(RELEASE("rancher", "cattle-system", "deployed", "yes") ","
			      RELEASE("cert-manager", "cert-manager", "deployed", "yes")) },
	    { DEPLOYMENTS, ITEMS(DEPLOYMENT("other", "cattle-system", "\"chart\":\"rancher-1.0\"") ","
				 DEPLOYMENT("rancher", "elsewhere", "\"chart\":\"rancher-1.1\"") ","
				 DEPLOYMENT("rancher", "cattle-system", "\"chart\":\"rancher-webhook-2.0\"") ","
				 DEPLOYMENT("rancher", "cattle-system", "\"chart\":\"rancher\"") ","
				 DEPLOYMENT("rancher", "cattle-system", "\"chart\":\"rancher-2.8.5\"")) } } },
	{ 0, "rancher", PART_FAILED, "", "cert-manager: revision 3 is deployed; there is no release 'rancher'",
	  { { RELEASES, ITEMS(RELEASE("cert-manager", "cert-manager", "deployed", "yes")) } } },
	{ 0, "rancher", PART_ABSENT, "", "", { { RELEASES, ITEMS(MINE("cert-manager", "cert-manager")) } } },
	{ 0, "monitoring", PART_FAILED, "", "monitoring: revision 3 is pending-upgrade",
	  { { RELEASES, ITEMS(RELEASE("monitoring", "mon", "pending-upgrade", "no")) } } },
	{ 0, "monitoring", PART_FAILED, "v58.2.1", "monitoring v58.2.1: revision 3 is deployed and has not come up",
	  { { RELEASES, ITEMS(RELEASE("monitoring", "mon", "deployed", "no")) },
	    { DEPLOYMENTS, ITEMS(DEPLOYMENT("monitoring", "mon", "\"helm.sh/chart\":\"kube-prometheus-stack-v58.2.1\"")) } } },
	{ 0, "monitoring", PART_UNKNOWN, "", "is no JSON", { { RELEASES, "<html>" } } },
	{ 1, "exporter", PART_OK, "0.1.0", "answers on port 9102", { { "unit:powerstack-exporter.service", ACTIVE }, { PAGE, OURS } } },
	{ 1, "exporter", PART_FAILED, "", "is not the exporter",
	  { { "unit:powerstack-exporter.service", ACTIVE }, { PAGE, "HTTP/1.1 200 OK\r\n\r\nhello" } } },
	{ 1, "exporter", PART_FAILED, "", "port 9102 does not answer: no such kind", { { "unit:powerstack-exporter.service", ACTIVE } } },
	{ 1, "exporter", PART_FAILED, "", "powerstack-exporter.service is failed", { { "unit:powerstack-exporter.service", FAILED } } },
};

Test(status, parts)
{
	for (size_t i = 0; i < COUNT(sights); i++) {
		const struct sight *s = &sights[i];
		struct fake_host *h = net->hosts[s->node];
		for (size_t k = 0; k < COUNT(s->answers) && s->answers[k].question; k++)
			fake_set(h, "answer", s->answers[k].question, s->answers[k].value);
		ask();
		const struct part_status *p = part(s->node, s->part);
		cr_expect_eq(p->is, s->is, "%zu %s: %d %s", i, s->part, p->is, p->what);
		cr_expect_str_eq(p->version, s->version, "%zu %s: %s", i, s->part, p->version);
		cr_expect(*s->what ? strstr(p->what, s->what) != NULL : !*p->what, "%zu %s: %s", i, s->part, p->what);
		bool wrong = s->is == PART_FAILED || s->is == PART_UNKNOWN;
		cr_expect_eq(report.failed > 0, wrong, "%zu %s: %u", i, s->part, report.failed);
		cr_expect_eq(status_exit(&report), wrong ? 1 : 0);
		for (size_t k = 0; k < COUNT(s->answers) && s->answers[k].question; k++)
			fake_unset(h, "answer", s->answers[k].question);
	}
}

Test(status, the_exporter_is_asked_by_tls_where_the_inventory_says_so)
{
	fake_set(net->hosts[1], "answer", "unit:powerstack-exporter.service", ACTIVE);
	fake_set(net->hosts[1], "answer", PAGE, OURS);
	inv->exporter_tls = true;
	ask();
	cr_expect_eq(part(1, "exporter")->is, PART_FAILED);
	fake_set(net->hosts[1], "answer", TLS_PAGE, OURS);
	ask();
	cr_expect_eq(part(1, "exporter")->is, PART_OK, "%s", part(1, "exporter")->what);
	cr_expect_str_eq(part(1, "exporter")->version, "0.1.0");
	cr_expect_not(strstr(report.nodes[1].power.why, "no exporter answers"), "%s", report.nodes[1].power.why);
}

Test(status, a_host_that_cannot_be_asked_does_not_hide_the_others)
{
	fake_net_host(net, "ho1")->fault = FAKE_FAIL;
	fake_net_host(net, "ho1")->fault_at = 1;
	fake_net_host(net, "ho2")->unreachable = true;
	ask();
	cr_expect_eq(report.unasked, 2);
	cr_expect(report.nodes[0].reached);
	cr_expect_not(report.nodes[0].asked);
	cr_expect(strstr(report.nodes[0].why, "made to fail"), "%s", report.nodes[0].why);
	cr_expect_not(report.nodes[1].reached);
	cr_expect(report.nodes[1].why[0]);
	cr_expect(report.nodes[2].asked);
	cr_expect_eq(status_exit(&report), 1);
	cr_expect_not(report.interrupted);
}

Test(status, an_interrupt_ends_it)
{
	net->cancel_at = 2;
	options.jobs = 1;
	fake_net_host(net, "ho2")->fault = FAKE_HANG;
	fake_net_host(net, "ho2")->fault_at = 1;
	ask();
	cr_expect(report.interrupted);
	cr_expect(report.nodes[0].asked);
	cr_expect_not(report.nodes[1].asked);
	cr_expect_not(report.nodes[2].reached);
	cr_expect_eq(net->hosts[2]->opens, 0);
	cr_expect_eq(status_exit(&report), 1);
}

Test(status, hosts_are_chosen_by_limit)
{
	struct err e = { 0 };
	options.limit = list("ho3");
	ask();
	cr_assert_eq(report.n, 1);
	cr_expect_str_eq(report.nodes[0].host->name, "ho3");
	options.limit = list("ho9");
	cr_expect_eq(provision_status(inv, NULL, &options, &report, &e), -(int)ERR_CONFIG);
	cr_expect(strstr(e.msg, "ho9"), "%s", e.msg);
}

Test(status, no_secret_is_needed_but_to_log_in)
{
	struct host *hosts = (struct host *)inv->hosts;
	AUTO_STRV struct strv got = { 0 };
	struct err e = { 0 };
	inv->token.entry = inv->bootstrap_password.entry = inv->grafana_admin_password.entry = "a";
	hosts[0].bmc_user.entry = hosts[0].bmc_password.entry = "b";
	ask();
	cr_assert_eq(provision_secrets(inv, &options, &got, &e), 0);
	cr_expect_eq(got.n, 0);
	cr_expect_not(provision_needs_artifacts(inv, &options));
	hosts[1].become_password.entry = "sudo";
	cr_assert_eq(provision_secrets(inv, &options, &got, &e), 0);
	cr_expect_eq(got.n, 1);
}
