/* SPDX-License-Identifier: BSD-2-Clause */
#include "exporter/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/choice.h"
#include "exporter/environment.h"
#include "exporter/log.h"
#include "exporter/metrics.h"

#define MS_NS 1000000ull
#define AT(member) offsetof(struct options, member)
#define SHOW(NAME, MEMBER, HELP) \
	{ .name = NAME, .kind = OPT_FLAG, .negatable = true, .offset = AT(show.MEMBER), .help = HELP }

const struct opt exporter_opts[] = {
	{ .name = "web.listen-address", .kind = OPT_STRING, .arg = "ADDRESS", .offset = AT(listen_address),
	  .help = "numeric address and port to listen on; without an address, all of them (:9102)" },
	{ .name = "web.telemetry-path", .kind = OPT_STRING, .arg = "PATH", .offset = AT(telemetry_path),
	  .help = "path of the metrics page (/metrics)" },
	{ .name = "web.config.file", .kind = OPT_STRING, .arg = "FILE", .offset = AT(web_config_file),
	  .help = "TLS, headers and users, in the YAML that all Prometheus exporters share",
	  .complete = "file" },
	{ .name = "config.file", .kind = OPT_STRING, .arg = "FILE", .offset = AT(config_file),
	  .help = "configuration in YAML; any of these options may stand in it", .complete = "file" },
	{ .name = "path.sysfs", .kind = OPT_STRING, .arg = "DIR", .offset = AT(sysfs),
	  .help = "where sysfs is (/sys)", .complete = "dir" },
	{ .name = "path.procfs", .kind = OPT_STRING, .arg = "DIR", .offset = AT(procfs),
	  .help = "where procfs is (/proc)", .complete = "dir" },
	{ .name = "path.rootfs", .kind = OPT_STRING, .arg = "DIR", .offset = AT(rootfs),
	  .help = "where the host's root is (/)", .complete = "dir" },
	{ .name = "interval", .kind = OPT_DURATION, .arg = "TIME", .offset = AT(interval_ns),
	  .help = "time between two samples, 50ms to 60s (1s)", .min = 50 * MS_NS, .max = 60000 * MS_NS },
	{ .name = "meters.components", .kind = OPT_STRING, .arg = "LIST", .offset = AT(meters.components),
	  .help = "which meters may feed package, core, uncore and dram, the most preferred first "
		  "(" CHOICE_COMPONENTS "); only one of them counts at a time" },
	{ .name = "meters.platform", .kind = OPT_STRING, .arg = "LIST", .offset = AT(meters.platform),
	  .help = "the same for the whole machine (" CHOICE_PLATFORM ")" },
	{ .name = "estimator.model", .kind = OPT_STRING, .arg = "FILE[,FILE]", .offset = AT(meters.model),
	  .help = "power model of this machine in Kepler's JSON format, for a machine without meters; "
		  "without it, estimates come from a table of other machines", .complete = "file" },
	{ .name = "enable-msr", .kind = OPT_FLAG, .negatable = true, .offset = AT(meters.msr),
	  .help = "may read RAPL from the processor's registers where the kernel offers no better way; "
		  "needs CAP_SYS_RAWIO" },
	{ .name = "enable-gpu", .kind = OPT_FLAG, .negatable = true, .offset = AT(meters.gpu),
	  .help = "may ask NVIDIA's driver for GPUs, where there is one (on)" },
	{ .name = "gpu.helper", .kind = OPT_STRING, .arg = "FILE", .offset = AT(meters.gpu_helper),
	  .help = "the program that asks it (powerstack-gpu, beside this one)", .complete = "file" },
	{ .name = "attribution.package", .kind = OPT_ENUM, .arg = "BY", .offset = AT(attribute_package),
	  .help = "by what package, core and uncore energy is handed out to containers and processes: cycles, "
		  "instructions, misses, time on a processor, or auto, the best that this machine counts (auto)",
	  .values = attributes },
	{ .name = "attribution.dram", .kind = OPT_ENUM, .arg = "BY", .offset = AT(attribute_dram),
	  .help = "the same for memory; auto is by cache misses where they are counted (auto)",
	  .values = attributes },
	{ .name = "attribution.platform", .kind = OPT_ENUM, .arg = "BY", .offset = AT(attribute_platform),
	  .help = "the same for platform and other; auto is by what one has of package, memory and GPUs (auto)",
	  .values = attributes },
	{ .name = "log.level", .kind = OPT_ENUM, .arg = "LEVEL", .offset = AT(log_level),
	  .help = "least level logged: debug, info, warn or error (info)", .values = log_levels },
	{ .name = "log.format", .kind = OPT_ENUM, .arg = "FORMAT", .offset = AT(log_format),
	  .help = "logfmt or json (logfmt)", .values = log_formats },
	{ .name = "once", .kind = OPT_FLAG, .offset = AT(once),
	  .help = "print one page after one interval and exit" },
	{ .name = "check", .kind = OPT_FLAG, .offset = AT(check),
	  .help = "say which sources this machine has and why others are missing, and exit" },
	{ .name = "metrics.v2", .kind = OPT_FLAG, .offset = AT(metrics_v2),
	  .help = "show the metrics of Kepler 0.10 and newer as well" },
	SHOW("metrics.containers", containers, "show containers (on)"),
	SHOW("metrics.processes", processes, "tell processes apart and show them; many series"),
	SHOW("metrics.vms", vms, "show virtual machines (on)"),
	SHOW("metrics.components", components,
	     "show what containers, processes and virtual machines draw by component, not only in all (on)"),
	SHOW("metrics.hardware-counters", hardware, "show their cycles, instructions and cache misses (on)"),
	SHOW("metrics.irq-counters", irq, "show the softirqs that hit them (on)"),
	SHOW("metrics.bpf", bpf, "show their CPU time and their use of the page cache (on)"),
	{ .name = "metrics", .kind = OPT_FLAG, .offset = AT(metrics),
	  .help = "list every metric with its type, labels and meaning, and exit" },
	{ .name = "version", .kind = OPT_FLAG, .offset = AT(version), .help = "print the version and exit" },
	{ .name = "help", .letter = 'h', .kind = OPT_FLAG, .offset = AT(help),
	  .help = "print this help and exit" },
};
const size_t nexporter_opts = COUNT(exporter_opts);

static const struct options defaults = {
	.listen_address = ":9102",
	.telemetry_path = "/metrics",
	.sysfs = "/sys",
	.procfs = "/proc",
	.rootfs = "/",
	.interval_ns = 1000 * MS_NS,
	.meters = { .gpu = true },
	.log_level = LOG_LEVEL_INFO,
	.log_format = LOG_FORMAT_LOGFMT,
	.show = { .containers = true, .vms = true, .components = true, .hardware = true, .irq = true, .bpf = true },
};

struct attribution options_attribution(const struct options *o)
{
	return (struct attribution){ .package = (enum attribute)o->attribute_package,
				     .dram = (enum attribute)o->attribute_dram,
				     .platform = (enum attribute)o->attribute_platform };
}

unsigned options_hidden(const struct options *o)
{
	const struct {
		bool shown;
		enum topic topic;
	} rows[] = {
		{ o->show.containers, TOPIC_CONTAINER }, { o->show.processes, TOPIC_PROCESS },
		{ o->show.vms, TOPIC_VM },		 { o->show.components, TOPIC_COMPONENTS },
		{ o->show.hardware, TOPIC_HARDWARE },	 { o->show.irq, TOPIC_IRQ },
		{ o->show.bpf, TOPIC_BPF },
	};
	unsigned hidden = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		hidden |= rows[i].shown ? 0 : (unsigned)rows[i].topic;
	return hidden;
}

static int parse(int argc, char **argv, struct options *into, struct err *e)
{
	struct opt_table table = { exporter_opts, nexporter_opts, into };
	int nargs = 0, rc = opts_parse(&table, 1, argc, argv, false, &nargs, e);

	if (rc == 0 && nargs > 0)
		return err_set(e, ERR_USAGE, "'%s' is no option; see --help", argv[0]);
	return rc;
}

int options_read(int argc, char **argv, struct options *ret, struct config *ret_config, struct err *e)
{
	struct options first = defaults, o = defaults;
	struct opt_table table = { exporter_opts, nexporter_opts, &o };
	struct config config;
	int rc = parse(argc, argv, &first, e);

	config_init(&config);
	if (rc == 0 && first.config_file)
		rc = config_read(first.config_file, &table, &config, e);
	if (rc == 0)
		rc = environment_read(&(struct env_target){ &table, &config }, getenv, e);
	if (rc == 0)
		rc = parse(argc, argv, &o, e);
	if (rc == 0 && (o.telemetry_path[0] != '/' || strpbrk(o.telemetry_path, " ?#\"<>&")))
		rc = err_set(e, ERR_USAGE, "telemetry path '%s' is no path such as /metrics",
			     o.telemetry_path);
	if (rc < 0) {
		config_clear(&config);
		return rc;
	}
	*ret = o;
	*ret_config = config;
	rc = config_environment(ret_config, getenv("NODE_IP"), getenv("KUBELET_PORT"), SERVICE_ACCOUNT_DIR, e);
	if (rc < 0)
		config_clear(ret_config);
	return rc;
}
