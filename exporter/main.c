/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * powerstack-exporter: wiring and speech. Flow, one direction: sources -> tick -> ledger -> page ->
 * socket, once per interval; a scrape only gets the last page. One thread.
 *
 * What it needs from its service unit, and what it can live without:
 *
 *	Type=notify          READY=1 after the first page, RELOADING=1, STOPPING=1, WATCHDOG=1
 *	                     (Type=notify-reload works as well: ExecReload is SIGHUP)
 *	WatchdogSec=         any; 10 times --interval or more, at least 10s
 *	capabilities         CAP_DAC_READ_SEARCH  read energy_uj, which only root may
 *	                     CAP_BPF CAP_PERFMON  load and attach the scheduler programs
 *	                     Ambient and bounding set of these three are enough for User=anybody;
 *	                     CAP_SYS_RAWIO        with --enable-msr only
 *	                     each may be missing: then that source says so and stays out.
 *	                     As root without CAP_DAC_OVERRIDE its configuration must be root's.
 *	reads                /var/log/containers, /var/log/pods (names when the kubelet is silent),
 *	                     /sys (powercap, hwmon, devices/cpu, devices/system/cpu, kernel/btf,
 *	                     fs/cgroup), /proc/cpuinfo, /proc/stat, /proc/self, the configuration,
 *	                     --estimator.model, /etc/ssl/certs/ca-certificates.crt or the
 *	                     configured CA file; /etc/resolv.conf and /etc/hosts for named peers; certificate
 *	                     and key that the web configuration names
 *	writes               nothing
 *	sockets              AF_INET AF_INET6 (pages, BMC, kubelet), AF_UNIX (notify)
 *	system calls         @system-service less @privileged and @resources; bpf, perf_event_open,
 *	                     open_by_handle_at (without it, control groups are found by walking their tree)
 *	fits with            NoNewPrivileges ProtectSystem=strict ProtectHome PrivateTmp PrivateDevices
 *	                     ProtectKernelModules ProtectKernelLogs ProtectClock ProtectHostname
 *	                     ProtectControlGroups ProtectKernelTunables (it only reads /sys)
 *	                     RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality
 *	                     MemoryDenyWriteExecute SystemCallArchitectures=native UMask=0077
 *	                     LimitCORE=0 LimitMEMLOCK= (above 64K for the configured password)
 *	                     (PrivateDevices hides /dev/ipmi0, /dev/nvidia* (for the helper, which has none of the
 *	                     capabilities) and, for --enable-msr, /dev/cpu: without it DevicePolicy=closed and
 *	                     DeviceAllow=char-ipmidev rw, char-nvidia* rw, char-cpu/msr r)
 *	not with             ProcSubset=pid (/proc/cpuinfo), PrivateUsers (it takes the capabilities
 *	                     away), PrivateNetwork, IPAddressDeny=any
 */
#include <dirent.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "exporter/build_info.h"
#include "exporter/choice.h"
#include "exporter/client.h"
#include "exporter/environment.h"
#include "exporter/facts.h"
#include "exporter/http.h"
#include "exporter/ledger.h"
#include "exporter/log.h"
#include "exporter/loop.h"
#include "exporter/metrics.h"
#include "exporter/metrics_v2.h"
#include "exporter/metrics_works.h"
#include "exporter/names/names.h"
#include "exporter/notify.h"
#include "exporter/number.h"
#include "exporter/options.h"
#include "exporter/page.h"
#include "exporter/report.h"
#include "exporter/roster.h"
#include "exporter/source.h"
#include "exporter/tls.h"
#include "exporter/web_config.h"

#define LARGE (128 * 1024) /* bytes */
#define CPUINFO_MAX (8u * 1024 * 1024) /* bytes; a thousand processors say some 1.5 MB */

struct app {
	int argc;
	char **argv;
	struct options options;
	struct config *boot;	/* owns texts of the options above */
	struct config *config;	/* what sources use; boot until it is read again */
	struct loop *loop;
	struct loop_timer *ticker;
	struct client *client;
	struct names *names;
	struct http *http;
	struct sampler sampler;
	struct ledger *ledger;
	struct roster *roster;
	struct tick tick;
	struct facts facts;
	struct rates rates;
	struct self self;
	uint64_t last_tick_ns;
	uint64_t started_ms, started_ns; /* since 1970, and on the clock of ticks */
	uint64_t patience_ns;	/* --once and --check wait for peers until then */
	enum proof proof;
	size_t meters_told;	/* number of meters last logged */
	bool ready;
};

#define SAY(app, level, msg, ...)                                                               \
	log_write(STDERR_FILENO, (enum log_format)(app)->options.log_format,                     \
		  (enum log_level)(app)->options.log_level, level, msg,                          \
		  (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void say_source(void *arg, const struct source *s)
{
	struct app *a = arg;
	const char *name = s->ops->name;
	const char *lacks = s->state && s->ops->lacks ? s->ops->lacks(s) : "";

	if (s->up && lacks[0])
		SAY(a, LOG_LEVEL_INFO, "source works", "source", name, "measures", s->ops->what, "lacks", lacks);
	else if (s->up)
		SAY(a, LOG_LEVEL_INFO, "source works", "source", name, "measures", s->ops->what);
	else if (!s->wanted || s->absent)
		SAY(a, LOG_LEVEL_INFO, "source not used", "source", name, "reason", s->why.msg);
	else if (!s->state)
		SAY(a, LOG_LEVEL_WARN, "source missing", "source", name, "measures", s->ops->what, "reason",
		    s->why.msg);
	else if (s->ops->asynchronous && s->ok_ns == 0 && s->errors == 0)
		SAY(a, LOG_LEVEL_INFO, "source awaited", "source", name, "reason", s->why.msg);
	else
		SAY(a, LOG_LEVEL_WARN, "source failed", "source", name, "reason", s->why.msg);
}

/* Kepler's variables that somebody set in vain. */
static void say_unused(struct app *a)
{
	for (size_t i = 0; i < nenv_names; i++) {
		const char *value = env_names[i].unused ? getenv(env_names[i].name) : NULL;

		if (value && value[0])
			SAY(a, LOG_LEVEL_INFO, "environment variable without effect", "name", env_names[i].name,
			    "reason", env_names[i].unused);
	}
}

static void say_feed(void *arg, enum component c, const struct source *was, const struct source *is)
{
	struct app *a = arg;
	const struct choice *choice = &a->sampler.choice;
	char others[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < a->sampler.n; i++) {
		const struct source *s = &a->sampler.v[i];

		if (s != is && s->state && choice->marked_ns[i][c] != 0 && used < sizeof others)
			used += (size_t)snprintf(others + used, sizeof others - used, "%s%s", used ? " " : "",
						 s->ops->name);
	}
	SAY(a, LOG_LEVEL_INFO, is->ops->estimates ? "component estimated" : "component measured", "component", component_name(c), "source", is->ops->name,
	    "before", was ? was->ops->name : "none", "available_not_used", others[0] ? others : "none");
}

/* What is worth a line besides the sources' own state. */
static void say_meters(struct app *a)
{
	char count[32];
	enum proof proof = ledger_proof(a->ledger);

	if (a->self.meters != a->meters_told || !a->ready) {
		snprintf(count, sizeof count, "%zu", a->self.meters);
		if (a->self.meters == 0 && a->tick.nmarks > 0)
			SAY(a, LOG_LEVEL_WARN, "no energy meter answers: the joules exported are estimates", "meters",
			    count);
		else if (a->self.meters == 0)
			SAY(a, LOG_LEVEL_WARN, "no energy meter answers: no joules are exported", "meters", count);
		else
			SAY(a, LOG_LEVEL_INFO, "energy meters read", "meters", count);
		a->meters_told = a->self.meters;
	}
	if (proof == a->proof)
		return;
	a->proof = proof;
	if (proof == PROOF_GOOD)
		SAY(a, LOG_LEVEL_INFO, "psys counts no less than packages and memory: taken for the platform");
	else if (proof == PROOF_BAD)
		SAY(a, LOG_LEVEL_WARN, "psys counts less than packages and memory: it does not measure the "
		    "platform and is not exported");
}

static void measure_self(struct self *self)
{
	struct rusage use;
	char text[128];
	unsigned long pages = 0, space = 0;
	struct err none = { 0 };

	if (getrusage(RUSAGE_SELF, &use) == 0)
		self->cpu_ns = (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000u +
			       (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000u;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (number_text("/proc/self/statm", text, sizeof text, &none) == 0 &&
	    sscanf(text, "%lu %lu", &space, &pages) == 2) {
		self->resident_bytes = pages * page;
		self->virtual_bytes = space * page;
	}
}

static void count_fds(struct self *self)
{
	DIR *d = opendir("/proc/self/fd");
	struct rlimit limit;

	self->open_fds = 0;
	while (d && readdir(d))
		self->open_fds++;
	if (d)
		closedir(d);
	/* Less the entries . and .., and the directory itself. */
	self->open_fds = self->open_fds > 3 ? self->open_fds - 3 : 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		self->max_fds = limit.rlim_cur;
}

/* What is shown besides counters, after a tick. */
static void take_rates(struct app *a, uint64_t now)
{
	char path[PATH_MAX], text[512];
	struct err none = { 0 };

	rates_take(&a->rates, a->ledger, now);
	if (!a->options.metrics_v2)
		return;
	snprintf(path, sizeof path, "%s/stat", a->options.procfs);
	if (number_text(path, text, sizeof text, &none) < 0)
		text[0] = '\0';
	rates_stat(&a->rates, text);
}

static void read_cpus(struct app *a)
{
	char path[PATH_MAX];
	AUTO_BUF struct buf text;
	struct err e = { 0 };

	buf_init(&text, CPUINFO_MAX);
	snprintf(path, sizeof path, "%s/cpuinfo", a->options.procfs);
	if (file_read(path, &text, NULL, &e) < 0 || facts_cpus(buf_str(&text), &a->facts, &e) < 0)
		SAY(a, LOG_LEVEL_WARN, "processors are not listed", "reason", e.msg);
}

/* Reads the world and books it. */
static int take_tick(struct app *a, struct err *e)
{
	uint64_t now = tick_now_ns();

	if (a->last_tick_ns && now - a->last_tick_ns > a->options.interval_ns * 3 / 2)
		a->self.late_ticks++;
	a->last_tick_ns = now;
	names_tick(a->names, now);
	sampler_read(&a->sampler, now, &a->tick);
	int joined = roster_join(a->roster, a->names, &a->tick, e);
	int rc = ledger_settle(a->ledger, &a->tick, e);

	rc = rc < 0 ? rc : joined;
	roster_keep(a->roster, ledger_works(a->ledger));
	a->self.sample_ns += tick_now_ns() - now;
	a->self.ticks++;
	take_rates(a, now);
	a->self.meters = sampler_measured(&a->sampler, &a->tick);
	return rc;
}

static struct view view_of(const struct app *a)
{
	return (struct view){ .facts = &a->facts,
			      .self = &a->self,
			      .sampler = &a->sampler,
			      .ledger = a->ledger,
			      .roster = a->roster,
			      .tick = &a->tick,
			      .rates = &a->rates,
			      .hidden = options_hidden(&a->options),
			      .now_ns = tick_now_ns(),
			      .created_ms = a->started_ms,
			      .created_ns = a->started_ns };
}

/* The metrics page of the last tick. */
static int render(struct app *a, enum page_format format, struct buf *out, struct err *e)
{
	uint64_t from = tick_now_ns();

	measure_self(&a->self);
	if (a->options.metrics_v2)
		count_fds(&a->self);
	if (a->http)
		http_stats(a->http, &a->self.http);
	struct view view = view_of(a);
	int rc = page_render(&view, format, metrics, nmetrics, out, e);

	rc = rc < 0 ? rc : page_render(&view, format, metrics_works, nmetrics_works, out, e);
	if (rc == 0 && a->options.metrics_v2)
		rc = page_render(&view, format, metrics_v2, nmetrics_v2, out, e);
	rc = rc < 0 ? rc : page_end(format, out, e);
	a->self.render_ns += tick_now_ns() - from;
	return rc;
}

static int serve_metrics(void *arg, enum page_format format, struct buf *out, struct err *e)
{
	int rc = render(arg, format, out, e);

	if (rc < 0)
		SAY((struct app *)arg, LOG_LEVEL_ERROR, "no page", "reason", e->msg);
	return rc;
}

/* Who has ended has been shown with all that it drew, and may go. */
static void on_served(void *arg)
{
	ledger_shown(((struct app *)arg)->ledger);
}

static void on_certificate(void *arg, const struct err *why)
{
	if (why)
		SAY((struct app *)arg, LOG_LEVEL_WARN, "certificate not taken over", "reason", why->msg);
	else
		SAY((struct app *)arg, LOG_LEVEL_INFO, "certificate read again");
}

static int serve_landing(void *arg, struct buf *out, struct err *e)
{
	struct app *a = arg;
	struct view view = view_of(a);

	return report_landing(&view, a->options.telemetry_path, out, e);
}

static void on_tick(void *arg)
{
	struct app *a = arg;
	struct err e = { 0 };

	if (take_tick(a, &e) < 0) {
		SAY(a, LOG_LEVEL_ERROR, "interval not taken in whole", "reason", e.msg);
		if (!a->ready)
			return;
	}
	http_publish(a->http);
	say_meters(a);
	if (!a->ready) {
		a->ready = true;
		notify_send("READY=1\nSTATUS=serving\n");
	}
}

static void on_watchdog(void *arg)
{
	(void)arg;
	notify_send("WATCHDOG=1\n");
}

static void on_stop(void *arg, int signo)
{
	struct app *a = arg;

	SAY(a, LOG_LEVEL_INFO, "stopping", "signal", signo == SIGTERM ? "SIGTERM" : "SIGINT");
	notify_send("STOPPING=1\n");
	loop_stop(a->loop);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Options and configuration; both on the heap, the caller frees *ret_config by config_drop. */
static int read_all(struct app *a, struct options *ret, struct config **ret_config, struct err *e)
{
	struct config *config = calloc(1, sizeof *config);
	int rc = config ? options_read(a->argc, a->argv, ret, config, e)
			: err_set(e, ERR_MEMORY, "no memory for the configuration");

	if (rc < 0)
		free(config);
	else
		*ret_config = config;
	return rc;
}

static void config_drop(struct config *c)
{
	if (c)
		config_clear(c);
	free(c);
}

/* TLS and users from the file that the options name, or none. http NULL: only looks whether it could
 * be done. In the beginning, before the first page, a certificate may be missing yet: counting does not
 * wait for it. */
static int configure_web(struct app *a, const struct options *o, struct http *http, struct err *e)
{
	struct web_config web;
	struct tls *tls = NULL;
	int rc = 0;

	web_config_init(&web);
	if (o->web_config_file)
		rc = web_config_read(o->web_config_file, &web, e);
	if (rc == 0 && http)
		rc = http_configure(http, &web, !a->ready, e);
	else if (rc == 0 && web.tls.on)
		rc = tls_new(&web.tls, false, &tls, e);
	if (rc == 0 && http && web.http2)
		SAY(a, LOG_LEVEL_WARN, "http2 is asked for but not supported; HTTP/1.1 is spoken", "file",
		    o->web_config_file);
	tls_free(tls);
	web_config_clear(&web);
	return rc;
}

static void reload(struct app *a)
{
	struct options o;
	struct config *config = NULL, *old = a->config;
	struct err e = { 0 };

	int rc = read_all(a, &o, &config, &e);

	if (rc == 0 && configure_web(a, &o, a->http, &e) < 0) {
		config_drop(config);
		rc = -1;
	}
	if (rc < 0) {
		SAY(a, LOG_LEVEL_ERROR, "configuration not taken over; the old one stays", "reason", e.msg);
		return;
	}
	if (!same_text(o.meters.components, a->options.meters.components) ||
	    !same_text(o.meters.platform, a->options.meters.platform) ||
	    !same_text(o.meters.model, a->options.meters.model) ||
	    !same_text(o.meters.gpu_helper, a->options.meters.gpu_helper) ||
	    o.meters.gpu != a->options.meters.gpu || o.meters.msr != a->options.meters.msr || o.show.processes != a->options.show.processes ||
	    !same_text(o.listen_address, a->options.listen_address) ||
	    !same_text(o.telemetry_path, a->options.telemetry_path) ||
	    !same_text(o.sysfs, a->options.sysfs) || !same_text(o.procfs, a->options.procfs) ||
	    !same_text(o.rootfs, a->options.rootfs))
		SAY(a, LOG_LEVEL_WARN, "addresses, paths, the choice of meters and whether processes are told apart change "
		    "with a restart only");
	a->options.log_level = o.log_level;
	a->options.log_format = o.log_format;
	if (o.metrics_v2 && !a->options.metrics_v2)
		read_cpus(a);
	else if (!o.metrics_v2)
		facts_clear(&a->facts);
	a->options.metrics_v2 = o.metrics_v2;
	o.show.processes = a->options.show.processes;
	a->options.show = o.show;
	struct attribution attribution = options_attribution(&o);

	ledger_attribute(a->ledger, &attribution);
	if (o.interval_ns != a->options.interval_ns) {
		a->options.interval_ns = o.interval_ns;
		loop_change(a->ticker, o.interval_ns);
	}
	a->config = config;
	a->sampler.roots.config = config;
	uint64_t now = tick_now_ns();

	names_reload(a->names, config);
	sampler_reopen(&a->sampler, "kubelet", now);
	sampler_reopen(&a->sampler, "redfish", now);
	if (old != a->boot)
		config_drop(old);
	SAY(a, LOG_LEVEL_INFO, "configuration read again");
}

static void on_reload(void *arg, int signo)
{
	struct app *a = arg;
	struct timespec now;
	char text[96];

	(void)signo;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld\n",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(text);
	reload(a);
	notify_send("READY=1\n");
}

/* ---- the ways to run */

static int fail(const struct err *e)
{
	fprintf(stderr, "powerstack-exporter: %s\n", e->msg);
	return err_exit_status(e->kind);
}

static int print_help(void)
{
	puts("Usage: powerstack-exporter [OPTION]...\n"
	     "Shows the energy this machine uses to Prometheus, under Kepler's names.\n");
	opts_help(stdout, exporter_opts, nexporter_opts);
	puts("\nTIME is a number with ms, s or m. Kepler's environment variables are understood:");
	for (size_t i = 0; i < nenv_names; i++) {
		if (!env_names[i].unused)
			printf("  %-34s %s\n", env_names[i].name, env_names[i].help);
	}
	return 0;
}

static int print_version(void)
{
	printf("powerstack-exporter %s (branch %s, revision %s, %s)\n", build_info.version, build_info.branch,
	       build_info.revision, build_info.arch);
	return 0;
}

static int print_metrics(struct err *e)
{
	AUTO_BUF struct buf text;

	buf_init(&text, PAGE_MAX);
	int rc = page_document(metrics, nmetrics, &text, e);

	rc = rc < 0 ? rc : page_document(metrics_works, nmetrics_works, &text, e);
	buf_adds(&text, "\nWith --metrics.v2 also:\n\n");
	rc = rc < 0 ? rc : page_document(metrics_v2, nmetrics_v2, &text, e);
	if (rc == 0)
		fputs(buf_str(&text), stdout);
	return rc;
}

static int print_page(struct app *a, struct err *e)
{
	AUTO_BUF struct buf page;

	buf_init(&page, PAGE_MAX);
	int rc = render(a, FORMAT_TEXT, &page, e);

	if (rc == 0 && (fwrite(buf_str(&page), 1, page.len, stdout) != page.len || fflush(stdout) != 0))
		return err_errno(e, ERR_FAILED, "cannot write the page");
	return rc;
}

static void on_once(void *arg)
{
	loop_stop(((struct app *)arg)->loop);
}

/* Stops the loop when every source that answers in its own time has answered or failed. */
static void on_peers(void *arg)
{
	struct app *a = arg;

	for (size_t i = 0; i < a->sampler.n; i++) {
		const struct source *s = &a->sampler.v[i];

		if (s->state && s->ops->asynchronous && s->ok_ns == 0 && s->errors == 0 &&
		    tick_now_ns() < a->patience_ns)
			return;
	}
	loop_stop(a->loop);
}

static int wait_for_peers(struct app *a, struct err *e)
{
	struct loop_timer *timer = NULL;

	a->patience_ns = tick_now_ns() + (a->config->redfish.endpoint ? a->config->redfish.timeout_ns : 2000000000u);
	int rc = loop_every(a->loop, 20000000, on_peers, a, &timer, e);

	rc = rc < 0 ? rc : loop_run(a->loop, e);
	if (timer)
		loop_change(timer, UINT64_C(1000000000) * 86400);
	return rc;
}

/* One interval between two ticks, in the loop so that peers can answer meanwhile. */
static int run_once(struct app *a, struct err *e)
{
	int rc = wait_for_peers(a, e);

	rc = rc < 0 ? rc : take_tick(a, e);
	rc = rc < 0 ? rc : loop_every(a->loop, a->options.interval_ns, on_once, a, &a->ticker, e);
	rc = rc < 0 ? rc : loop_run(a->loop, e);
	rc = rc < 0 ? rc : take_tick(a, e);
	return rc < 0 ? rc : print_page(a, e);
}

/* What each source found, after peers had their time to answer. */
static int run_check(struct app *a, struct err *e)
{
	int rc = configure_web(a, &a->options, NULL, e);

	rc = rc < 0 ? rc : wait_for_peers(a, e);
	rc = rc < 0 ? rc : take_tick(a, e);
	if (rc < 0)
		return rc;
	AUTO_BUF struct buf text;
	struct view view = view_of(a);

	buf_init(&text, PAGE_MAX);
	rc = report_check(&view, &text, e);
	if (rc == 0)
		fputs(buf_str(&text), stdout);
	return rc;
}

static int run_server(struct app *a, struct err *e)
{
	uint64_t watchdog = notify_watchdog_ns();
	struct loop_timer *timer = NULL;
	struct http_pages pages = { .metrics = serve_metrics, .landing = serve_landing, .served = on_served,
				    .certificate = on_certificate, .arg = a };
	int rc = http_new(loop_base(a->loop), a->options.listen_address, a->options.telemetry_path, &pages,
			  &a->http, e);

	rc = rc < 0 ? rc : configure_web(a, &a->options, a->http, e);
	rc = rc < 0 ? rc : loop_signal(a->loop, SIGTERM, on_stop, a, e);
	rc = rc < 0 ? rc : loop_signal(a->loop, SIGINT, on_stop, a, e);
	rc = rc < 0 ? rc : loop_signal(a->loop, SIGHUP, on_reload, a, e);
	if (rc == 0 && watchdog > 0)
		rc = loop_every(a->loop, watchdog, on_watchdog, a, &timer, e);
	rc = rc < 0 ? rc : loop_every(a->loop, a->options.interval_ns, on_tick, a, &a->ticker, e);
	if (rc < 0)
		return rc;
	char where[96];

	http_where(a->http, where, sizeof where);
	SAY(a, LOG_LEVEL_INFO, "listening", "address", where, "path", a->options.telemetry_path);
	on_tick(a);
	return loop_run(a->loop, e);
}

static int run(struct app *a, struct err *e)
{
	struct err why = { 0 };
	int rc = loop_new(&a->loop, e);

	rc = rc < 0 ? rc : ledger_new(&a->ledger, e);
	rc = rc < 0 ? rc : roster_new(&a->roster, e);
	if (rc < 0)
		return rc;
	struct attribution attribution = options_attribution(&a->options);

	ledger_attribute(a->ledger, &attribution);
	ledger_on_retire(a->ledger, roster_retired, a->roster);
	if (client_new(loop_base(a->loop), &a->client, &why) < 0)
		SAY(a, LOG_LEVEL_WARN, "no peers can be asked", "reason", why.msg);
	struct roots roots = { .sysfs = a->options.sysfs,
			       .procfs = a->options.procfs,
			       .rootfs = a->options.rootfs,
			       .config = a->config,
			       .meters = &a->options.meters,
			       .processes = a->options.show.processes,
			       .base = loop_base(a->loop),
			       .client = a->client };

	rc = names_new(&roots, true, &a->names, e);
	if (rc < 0)
		return rc;
	roots.names = a->names;
	facts_read(&roots, &a->facts);
	if (a->options.metrics_v2)
		read_cpus(a);
	bool serving = !a->options.check && !a->options.once;

	if (serving) {
		SAY(a, LOG_LEVEL_INFO, "starting", "version", build_info.version, "revision",
		    build_info.revision, "instance", a->facts.instance, "cpu", a->facts.cpu);
		say_unused(a);
		a->sampler.on_change = say_source;
		a->sampler.on_feed = say_feed;
		a->sampler.arg = a;
	}
	rc = sampler_open(&a->sampler, sources, nsources, &roots, e);
	if (rc < 0)
		return rc;
	return a->options.check ? run_check(a, e) : a->options.once ? run_once(a, e) : run_server(a, e);
}

static void release(struct app *a)
{
	sampler_close(&a->sampler);
	names_free(a->names);
	client_free(a->client);
	http_free(a->http);
	loop_free(a->loop);
	ledger_free(a->ledger);
	roster_free(a->roster);
	tick_clear(&a->tick);
	facts_clear(&a->facts);
	if (a->config != a->boot)
		config_drop(a->config);
	config_drop(a->boot);
	free(a);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct app *a = calloc(1, sizeof *a);

	if (!a) {
		err_set(&e, ERR_MEMORY, "no memory");
		return fail(&e);
	}
	/* What is large is taken from the kernel and given back to it: the kernel's types while the programs are
	 * loaded, and the pages. By default glibc would keep as much as there ever was of it. */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	/* Secrets are in this process: no core files. A peer that goes away is no reason to die. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(SIGPIPE, SIG_IGN);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	a->started_ns = tick_now_ns();
	a->started_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	a->argc = argc;
	a->argv = argv;
	int rc = read_all(a, &a->options, &a->boot, &e);
	a->config = a->boot;
	if (rc == 0 && a->options.help)
		rc = print_help();
	else if (rc == 0 && a->options.version)
		rc = print_version();
	else if (rc == 0 && a->options.metrics)
		rc = print_metrics(&e);
	else if (rc == 0)
		rc = run(a, &e);
	release(a);
	return rc < 0 ? fail(&e) : 0;
}
