/* SPDX-License-Identifier: BSD-2-Clause */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "provision/remote/sshconf.h"

static struct sshconf read_conf(const char *text, const char *name)
{
	struct sshconf c = { 0 };
	struct err e = { 0 };
	cr_assert_eq(sshconf_apply(&c, "config", text, strlen(text), name, 0, &e), 0, "%s", e.msg);
	cr_assert_eq(sshconf_finish(&c, name, &e), 0, "%s", e.msg);
	return c;
}

static void refused(const char *text, const char *message)
{
	struct sshconf c = { 0 };
	struct err e = { 0 };
	int r = sshconf_apply(&c, "config", text, strlen(text), "n1", 0, &e);
	if (r == 0)
		r = sshconf_finish(&c, "n1", &e);
	cr_assert_eq(r, -(int)ERR_CONFIG);
	cr_assert(strstr(e.msg, message), "%s", e.msg);
	sshconf_clear(&c);
}

Test(sshconf, the_first_value_wins_and_identities_add_up)
{
	struct sshconf c = read_conf("Host n1 n2\n"
				     "  HostName 10.0.0.1\n"
				     "\tport=2222 \n"
				     "  User \"the admin\"\n"
				     "  IdentityFile /k/one\n"
				     "Host *\n"
				     "  Port 22\n"
				     "  User root\n"
				     "  IdentityFile /k/%h-%p-%n\n"
				     "  IdentitiesOnly yes\n"
				     "  ServerAliveInterval 5\n", "n1");
	cr_assert_str_eq(c.hostname, "10.0.0.1");
	cr_assert_eq(c.port, 2222);
	cr_assert_str_eq(c.user, "the admin");
	cr_assert_eq(c.identities.n, 2);
	cr_assert_str_eq(c.identities.v[1], "/k/10.0.0.1-2222-n1");
	cr_assert(c.identities_only);
	cr_assert_eq(c.user_known_hosts.n, 2);
	sshconf_clear(&c);
}

Test(sshconf, what_was_given_wins_over_the_file)
{
	char path[] = "/tmp/sshconfXXXXXX";
	int fd = mkstemp(path);
	struct err e = { 0 };
	static const char text[] = "Port 22\nUser root\nProxyCommand nc -x %r@%h:%p\n";
	cr_assert_eq(file_replace(path, 0600, text, sizeof(text) - 1, &e), 0);
	struct sshconf c = { 0 };
	cr_assert_eq(sshconf_load(path, "n1", "admin", 2200, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.port, 2200);
	cr_assert_str_eq(c.user, "admin");
	cr_assert_str_eq(c.proxy_command, "nc -x admin@n1:2200");
	sshconf_clear(&c);
	cr_assert_eq(sshconf_load("/nonexistent/config", "n1", NULL, 0, &c, &e), -(int)ERR_CONFIG);
	unlink(path);
	close(fd);
}

Test(sshconf, patterns_and_negation)
{
	static const char text[] = "Host *.lab !bad.lab\n User lab\nHost 10.0.?.*\n User ten\n";
	struct sshconf c = read_conf(text, "a.lab");
	cr_assert_str_eq(c.user, "lab");
	sshconf_clear(&c);
	c = read_conf(text, "bad.lab");
	cr_assert_null(c.user);
	sshconf_clear(&c);
	c = read_conf(text, "10.0.3.44");
	cr_assert_str_eq(c.user, "ten");
	sshconf_clear(&c);
}

Test(sshconf, match_conditions)
{
	struct sshconf c = read_conf("Host n1\n HostName h.example\n"
				     "Match host *.example user root,nobody\n Port 1\n"
				     "Match originalhost n1 !user root\n Port 2\n"
				     "Match all\n Port 3\n User late\n", "n1");
	/* the login name of the test is root on CI and may be another elsewhere */
	cr_assert(c.port == 1 || c.port == 2);
	cr_assert_str_eq(c.user, "late");
	sshconf_clear(&c);
	c = read_conf("Match final\n Port 5\nMatch canonical all\n Port 6\nMatch host x exec \"reboot\"\n Port 7\n", "n1");
	cr_assert_eq(c.port, 0);
	sshconf_clear(&c);
	refused("Match host n1 exec \"true\"\n", "config:1: for this host a command decides");
	refused("Match\n", "config:1:");
	refused("\nMatch host\n", "config:2:");
	refused("Match phase of moon\n", "unknown condition");
}

Test(sshconf, jump_and_command_exclude_each_other_by_order)
{
	struct sshconf c = read_conf("ProxyJump a,b:22\nProxyCommand nc %h\n", "n1");
	cr_assert_str_eq(c.proxy_jump, "a,b:22");
	cr_assert_null(c.proxy_command);
	sshconf_clear(&c);
	c = read_conf("ProxyCommand ssh -W %h:%p gate\nProxyJump a\n", "n1");
	cr_assert_str_eq(c.proxy_command, "ssh -W n1:22 gate");
	cr_assert_null(c.proxy_jump);
	sshconf_clear(&c);
	c = read_conf("ProxyJump none\nProxyCommand nc %h\n", "n1");
	cr_assert_null(c.proxy_jump);
	cr_assert_null(c.proxy_command);
	sshconf_clear(&c);
}

Test(sshconf, known_hosts_agent_family)
{
	struct sshconf c = read_conf("UserKnownHostsFile /a \"/b c\"\nUserKnownHostsFile /d\nGlobalKnownHostsFile none\n"
				     "IdentityAgent none\nAddressFamily inet6\nHashKnownHosts yes\nHostKeyAlias %n-alias\n", "n1");
	cr_assert_eq(c.user_known_hosts.n, 2);
	cr_assert_str_eq(c.user_known_hosts.v[1], "/b c");
	cr_assert_str_eq(c.global_known_hosts.v[0], "/dev/null");
	cr_assert_str_eq(c.identity_agent, "");
	cr_assert_eq(c.family, AF_INET6);
	cr_assert(c.hash_known_hosts);
	cr_assert_str_eq(c.host_key_alias, "n1-alias");
	sshconf_clear(&c);
}

Test(sshconf, what_makes_no_sense_is_told_with_its_place)
{
	refused("\n\nPort many\n", "config:3: no port: 'many'");
	refused("Port 70000\n", "no port");
	refused("IdentitiesOnly perhaps\n", "yes or no");
	refused("AddressFamily inet4\n", "any, inet or inet6");
	refused("User\n", "a value is missing");
	refused("IdentityFile /k/%Q\n", "%-token");
}

Test(sshconf, include_goes_round_and_is_stopped)
{
	char path[] = "/tmp/sshconfXXXXXX";
	int fd = mkstemp(path);
	char text[128];
	snprintf(text, sizeof(text), "Host n1\nUser x\nInclude %s\n", path);
	struct err e = { 0 };
	cr_assert_eq(file_replace(path, 0600, text, strlen(text), &e), 0);
	struct sshconf c = { 0 };
	cr_assert_eq(sshconf_load(path, "n1", NULL, 0, &c, &e), -(int)ERR_CONFIG);
	cr_assert(strstr(e.msg, "too many levels"), "%s", e.msg);
	cr_assert_eq(sshconf_load(path, "n2", NULL, 0, &c, &e), 0);	/* not in that block: not followed */
	sshconf_clear(&c);
	unlink(path);
	close(fd);
}
