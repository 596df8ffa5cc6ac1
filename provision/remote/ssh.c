/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing of ssh sessions: the chain of hops, key exchange, host keys. */
#include <errno.h>
#include <fcntl.h>
#include <libssh/server.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "provision/remote/conn.h"
#include "provision/remote/dial.h"
#include "provision/remote/text.h"

#define LINK_BUF ((size_t)32 * 1024)
#define TRIES_MAX 6	/* a busy sshd (MaxStartups) closes connections before its banner */

/* ---- links: a channel of one session is the connection of the next */

static int link_data(ssh_session ssh, ssh_channel ch, void *data, uint32_t len, int is_stderr, void *arg)
{
	struct link *l = arg;
	(void)ssh, (void)ch;
	if (is_stderr || l->fd < 0)
		return (int)len;
	ssize_t n = send(l->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? 0 : (int)len;
	return (int)n;	/* the rest stays in the channel; link_in fetches it */
}

static void link_eof(ssh_session ssh, ssh_channel ch, void *arg)
{
	struct link *l = arg;
	(void)ssh, (void)ch;
	l->remote_eof = true;
}

static void link_over(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* What the socket pair had no room for. */
static void link_in(struct link *l)
{
	char chunk[4096];
	while (l->fd >= 0) {
		struct pollfd p = { .fd = l->fd, .events = POLLOUT };
		if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
			return;
		int n = ssh_channel_read_nonblocking(l->ch, chunk, sizeof(chunk), 0);
		if (n <= 0) {
			if (l->remote_eof || n == SSH_ERROR || n == SSH_EOF || ssh_channel_is_closed(l->ch))
				link_over(l);	/* the next session reads its end of file */
			return;
		}
		if (send(l->fd, chunk, (size_t)n, MSG_NOSIGNAL) != n) {	/* POLLOUT means more room than that */
			link_over(l);
			return;
		}
	}
}

static void link_out(struct hop *h)
{
	struct link *l = &h->link;
	while (l->fd >= 0 && !(ssh_get_status(h->ssh) & SSH_WRITE_PENDING)) {
		if (!l->len) {
			ssize_t n = recv(l->fd, l->buf, LINK_BUF, MSG_DONTWAIT);
			if (n == 0 || (n < 0 && errno != EAGAIN))
				link_over(l);
			if (n <= 0)
				return;
			l->off = 0;
			l->len = (size_t)n;
		}
		if (!ssh_channel_window_size(l->ch))
			return;
		int n = ssh_channel_write(l->ch, l->buf + l->off, (uint32_t)l->len);
		if (n == SSH_ERROR) {
			link_over(l);
			return;
		}
		if (n <= 0)
			return;
		l->off += (size_t)n;
		l->len -= (size_t)n;
	}
}

/* ---- one round */

const char *conn_why(struct hop *h, char *space, size_t size)
{
	const char *why = ssh_get_error(h->ssh);
	if (!why || !*why)
		return "the connection is closed";
	/* libssh's "Socket error: disconnected" and the like */
	text_safe(space, size, why, strlen(why));
	return space;
}

static bool hop_alive(const struct hop *h)
{
	return h->ssh && h->ev && ssh_get_fd(h->ssh) >= 0 &&
	       !(ssh_get_status(h->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR));
}

/* Asks a silent target for a sign of life. libssh forgets an answered request only when asked
 * again, hence twice. */
static int listen_for(struct conn *c, struct err *e)
{
	struct hop *t = conn_target(c);
	uint64_t now = steady_ms();
	/* a process that was stopped (Ctrl-Z) did not listen: that silence was not the host's */
	if (now - c->listened_ms >= PROBE_AFTER_MS)
		c->heard_ms = now;
	c->listened_ms = now;
	if (!t->in)
		return 0;
	if (t->traffic.in_bytes != c->heard_bytes) {
		c->heard_bytes = t->traffic.in_bytes;
		c->heard_ms = now;
		return 0;
	}
	uint64_t silent = now - c->heard_ms;
	uint64_t dead = c->nhops > 1 || c->proxy ? DEAD_AFTER_MS : DEAD_AFTER_DIRECT_MS;
	if (silent >= dead)
		return err_set(e, ERR_UNREACHABLE,
			       "host '%s': nothing was heard for %u seconds: is it still running?", c->name,
			       (unsigned)(silent / 1000));
	if (silent >= PROBE_AFTER_MS && now - c->probed_ms >= PROBE_EVERY_MS) {
		c->probed_ms = now;
		ssh_send_keepalive(t->ssh);
		ssh_send_keepalive(t->ssh);
	}
	return 0;
}

static size_t collect(struct conn *c, struct pollfd *p, int extra_fd)
{
	size_t n = 0;
	if (extra_fd >= 0)
		p[n++] = (struct pollfd){ .fd = extra_fd, .events = POLLIN };
	for (size_t i = 0; i < c->nhops; i++) {
		struct hop *h = &c->hops[i];
		if (h->ssh && ssh_get_fd(h->ssh) >= 0) {
			short events = ssh_get_poll_flags(h->ssh) & SSH_WRITE_PENDING ? POLLIN | POLLOUT : POLLIN;
			p[n++] = (struct pollfd){ .fd = ssh_get_fd(h->ssh), .events = events };
		}
		if (h->link.fd >= 0 && h->link.ch) {
			short events = 0;
			if (!h->link.len && !(ssh_get_status(h->ssh) & SSH_WRITE_PENDING))
				events |= POLLIN;
			if (ssh_channel_poll(h->link.ch, 0) > 0)
				events |= POLLOUT;
			p[n++] = (struct pollfd){ .fd = h->link.fd, .events = events };
		}
	}
	return n;
}

int conn_step(struct conn *c, const struct bound *b, int extra_fd, struct err *e)
{
	struct pollfd p[2 * HOPS_MAX + 1];
	for (size_t i = c->nhops; i-- > 0;)
		if (c->hops[i].link.ch)
			link_out(&c->hops[i]);
	size_t n = collect(c, p, extra_fd);
	poll(p, n, bound_slice(b));
	if (bound_cancelled(b))
		return err_set(e, ERR_INTERRUPTED, "host '%s': interrupted", c->name);
	for (size_t i = 0; i < c->nhops; i++) {
		struct hop *h = &c->hops[i];
		if (h->ssh && h->ev && ssh_get_fd(h->ssh) >= 0)
			ssh_event_dopoll(h->ev, 0);
		if (h->link.ch)
			link_in(&h->link);
	}
	for (size_t i = 0; i < c->nhops; i++) {
		struct hop *h = &c->hops[i];
		if (h->ssh && h->ev && !hop_alive(h)) {
			char why[256];
			return err_set(e, ERR_UNREACHABLE, HOST_FMT "the connection is lost (%s)", HOST_ARGS(c, h),
				       conn_why(h, why, sizeof(why)));
		}
	}
	if (bound_over(b))
		return err_set(e, ERR_TIMEOUT, "host '%s': timed out", c->name);
	return listen_for(c, e);
}

/* ---- host keys */

static int fingerprint(ssh_key key, char *ret, size_t size)
{
	unsigned char *hash = NULL;
	size_t len = 0;
	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) < 0)
		return -1;
	char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
	snprintf(ret, size, "%s", text ? text : "?");
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
	return 0;
}

static void known_files(const struct hop *h, struct strv *ret)
{
	if (h->known_hosts)
		strv_push(ret, h->known_hosts);
	for (size_t i = 0; !h->known_hosts && i < h->conf.user_known_hosts.n; i++)
		strv_push(ret, h->conf.user_known_hosts.v[i]);
	for (size_t i = 0; i < h->conf.global_known_hosts.n; i++)
		strv_push(ret, h->conf.global_known_hosts.v[i]);
}

static int judge_key(struct conn *c, struct hop *h, const struct khosts *known, const char *type,
		     const char *base64, const char *print, struct err *e)
{
	const struct khost_entry *at = NULL;
	const char *file = h->known_hosts ? h->known_hosts : h->conf.user_known_hosts.v[0];
	switch (khosts_judge(known, type, base64, &at)) {
	case KHOST_KNOWN:
		return 0;
	case KHOST_CHANGED:
		return err_set(e, ERR_REFUSED,
			       HOST_FMT "its host key is not the one that %s:%zu knows: it now shows the %s key %s. "
			       "Either the machine was set up anew or somebody is in between; if you know why, remove "
			       "the old key (ssh-keygen -f '%s' -R '%s')", HOST_ARGS(c, h), at->file, at->line,
			       type, print, at->file, h->khost);
	case KHOST_REVOKED:
		return err_set(e, ERR_REFUSED, HOST_FMT "its host key %s is marked as revoked in %s:%zu",
			       HOST_ARGS(c, h), print, at->file, at->line);
	case KHOST_UNKNOWN:
		break;
	}
	if (!c->accept_new)
		return err_set(e, ERR_UNREACHABLE,
			       HOST_FMT "its host key is not known: it shows the %s key %s. Compare that with the "
			       "machine's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub) and run again with "
			       "--accept-new-host-keys, or add it to '%s' (ssh-keyscan -p %u %s)",
			       HOST_ARGS(c, h), type, print, file, h->port, h->host);
	int r = khost_add(file, h->khost, h->conf.hash_known_hosts, type, base64, e);
	return r < 0 ? err_wrap(e, HOST_FMT "adding its host key", HOST_ARGS(c, h)) : 0;
}

static int check_key(struct conn *c, struct hop *h, const struct khosts *known, struct err *e)
{
	ssh_key key = NULL;
	char *base64 = NULL;
	char print[128];
	int r;
	if (ssh_get_server_publickey(h->ssh, &key) != SSH_OK)
		return err_set(e, ERR_UNREACHABLE, HOST_FMT "it showed no host key", HOST_ARGS(c, h));
	const char *type = ssh_key_type_to_char(ssh_key_type(key));
	if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK || fingerprint(key, print, sizeof(print)) < 0)
		r = err_set(e, ERR_UNREACHABLE, HOST_FMT "its host key cannot be read", HOST_ARGS(c, h));
	else
		r = judge_key(c, h, known, type, base64, print, e);
	ssh_string_free_char(base64);
	ssh_key_free(key);
	return r;
}

/* The known key types first, so that a server with one key more does not look like another server. */
static int prefer_known(struct hop *h, const struct khosts *known)
{
	static const char *const all[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
					   "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
					   "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa" };
	AUTO_BUF struct buf b;
	buf_init(&b, 1024);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < COUNT(all); i++) {
			bool is_known = false;
			for (size_t k = 0; k < known->n; k++)
				is_known |= !known->entries[k].revoked && strcmp(known->entries[k].type, all[i]) == 0;
			if (is_known != (pass == 0))
				continue;
			buf_addf(&b, "%s%s", b.len ? "," : "",
				 strcmp(all[i], "ssh-rsa") == 0 ? "rsa-sha2-512,rsa-sha2-256" : all[i]);
		}
	return b.full ? -1 : ssh_options_set(h->ssh, SSH_OPTIONS_HOSTKEYS, buf_str(&b));
}

/* ---- one hop */

static int reply_default(ssh_session ssh, ssh_message msg, void *arg)
{
	(void)ssh, (void)msg, (void)arg;
	return 1;	/* libssh answers "no" and frees it; without this it would pile them up */
}

static int set_options(struct conn *c, struct hop *h, const struct khosts *known, struct err *e)
{
	bool no = false;
	int compress = h->conf.compression;
	long timeout_s = 3600;		/* never used: nothing blocks */
	const struct sshconf *k = &h->conf;
	int r = ssh_options_set(h->ssh, SSH_OPTIONS_PROCESS_CONFIG, &no);
	r |= ssh_options_set(h->ssh, SSH_OPTIONS_TIMEOUT, &timeout_s);
	r |= ssh_options_set(h->ssh, SSH_OPTIONS_HOST, h->host);
	r |= ssh_options_set(h->ssh, SSH_OPTIONS_PORT, &h->port);
	r |= ssh_options_set(h->ssh, SSH_OPTIONS_USER, h->user);
	r |= ssh_options_set(h->ssh, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
	r |= ssh_options_set(h->ssh, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
	if (k->ciphers) {
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_CIPHERS_C_S, k->ciphers);
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_CIPHERS_S_C, k->ciphers);
	}
	if (k->macs) {
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_HMAC_C_S, k->macs);
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_HMAC_S_C, k->macs);
	}
	if (k->kex)
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_KEY_EXCHANGE, k->kex);
	if (k->pubkey_algorithms)
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, k->pubkey_algorithms);
	if (compress)
		r |= ssh_options_set(h->ssh, SSH_OPTIONS_COMPRESSION, "yes");
	r |= k->host_key_algorithms ? ssh_options_set(h->ssh, SSH_OPTIONS_HOSTKEYS, k->host_key_algorithms)
				    : prefer_known(h, known);
	char why[256];
	if (r)
		return err_set(e, ERR_CONFIG, HOST_FMT "libssh does not take its settings: %s", HOST_ARGS(c, h),
			       conn_why(h, why, sizeof(why)));
	return 0;
}

static void hop_close(struct conn *c, struct hop *h)
{
	struct link *l = &h->link;
	if (l->ch) {
		ssh_remove_channel_callbacks(l->ch, &l->cb);
		ssh_channel_free(l->ch);
		l->ch = NULL;
	}
	link_over(l);
	free(l->buf);
	*l = (struct link){ .fd = -1 };
	if (h->ev) {
		ssh_event_remove_session(h->ev, h->ssh);
		ssh_event_free(h->ev);
		h->ev = NULL;
	}
	if (h->ssh) {
		if (ssh_is_connected(h->ssh))
			ssh_disconnect(h->ssh);
		ssh_free(h->ssh);
		h->ssh = NULL;
	}
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	h->in = false;
	if (h == &c->hops[0] && c->proxy) {
		dial_end(c->proxy);
		c->proxy = 0;
	}
}

static void hop_clear(struct conn *c, struct hop *h)
{
	hop_close(c, h);
	sshconf_clear(&h->conf);
	free(h->host);
	free(h->user);
	free(h->khost);
	free(h->label);
	*h = (struct hop){ .fd = -1, .link.fd = -1 };
}

/* The channel through hop `from` to hop `h`; returns the socket of h's session. */
static int tunnel(struct conn *c, struct hop *from, struct hop *h, const struct bound *b, struct err *e)
{
	struct link *l = &from->link;
	int r;
	l->buf = malloc(LINK_BUF);
	l->ch = ssh_channel_new(from->ssh);
	if (!l->buf || !l->ch)
		return err_set(e, ERR_MEMORY, HOST_FMT "no memory for a channel", HOST_ARGS(c, from));
	l->cb = (struct ssh_channel_callbacks_struct){ .userdata = l, .channel_data_function = link_data,
						       .channel_eof_function = link_eof };
	ssh_callbacks_init(&l->cb);
	while ((r = ssh_channel_open_forward(l->ch, h->host, (int)h->port, "127.0.0.1", 0)) == SSH_AGAIN)
		if ((r = conn_step(c, b, -1, e)) < 0)
			return r;
	char why[256];
	if (r != SSH_OK)
		return err_set(e, ERR_UNREACHABLE, HOST_FMT "it does not connect on to '%s' port %u (%s)",
			       HOST_ARGS(c, from), h->host, h->port, conn_why(from, why, sizeof(why)));
	int sp[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sp) < 0)
		return err_errno(e, ERR_FAILED, "socketpair");
	l->fd = sp[0];
	l->remote_eof = false;
	ssh_add_channel_callbacks(l->ch, &l->cb);
	return sp[1];
}

static int stream(struct conn *c, size_t i, const struct bound *b, struct err *e)
{
	struct hop *h = &c->hops[i];
	int r;
	if (i) {
		r = tunnel(c, &c->hops[i - 1], h, b, e);
	} else if (h->conf.proxy_command) {
		r = dial_command(h->conf.proxy_command, &c->proxy, e);
		if (r < 0)
			err_wrap(e, HOST_FMT "its ProxyCommand", HOST_ARGS(c, h));
	} else {
		r = dial_tcp(h->host, h->port, h->conf.family, b, e);
		if (r < 0)
			err_wrap(e, HOST_FMT "'%s' port %u", HOST_ARGS(c, h), h->host, h->port);
	}
	return r;
}

static int handshake(struct conn *c, struct hop *h, const struct bound *b, struct err *e)
{
	for (;;) {
		int rc = ssh_connect(h->ssh);
		/* libssh makes the socket blocking when it takes it over; a blocking send to a stalled peer
		 * would never come back */
		if (ssh_get_fd(h->ssh) >= 0)
			fcntl(ssh_get_fd(h->ssh), F_SETFL, O_NONBLOCK);
		if (rc == SSH_OK)
			return 0;
		char why[256];
		if (rc != SSH_AGAIN)
			return err_set(e, ERR_UNREACHABLE, HOST_FMT "no ssh with '%s' port %u: %s", HOST_ARGS(c, h),
				       h->host, h->port, conn_why(h, why, sizeof(why)));
		if (!h->ev) {
			h->ev = ssh_event_new();
			if (!h->ev || ssh_event_add_session(h->ev, h->ssh) != SSH_OK)
				return err_set(e, ERR_MEMORY, HOST_FMT "no memory for a session", HOST_ARGS(c, h));
		}
		int r = conn_step(c, b, -1, e);
		if (r == -(int)ERR_TIMEOUT)
			return err_set(e, ERR_UNREACHABLE,
				       HOST_FMT "'%s' port %u takes connections but %s in time: is it an sshd, and does it run?",
				       HOST_ARGS(c, h), h->host, h->port,
				       ssh_get_serverbanner(h->ssh) ? "finishes no key exchange" : "shows no ssh banner");
		/* when h itself is gone ssh_connect says it better */
		if (r < 0 && (r != -(int)ERR_UNREACHABLE || hop_alive(h)))
			return r;
	}
}

static int hop_try(struct conn *c, size_t i, const struct khosts *known, const struct bound *b, struct err *e)
{
	struct hop *h = &c->hops[i];
	int r = stream(c, i, b, e);
	if (r < 0)
		return r;
	h->fd = r;
	h->ssh = ssh_new();
	if (!h->ssh)
		return err_set(e, ERR_MEMORY, HOST_FMT "no memory for a session", HOST_ARGS(c, h));
	ssh_set_blocking(h->ssh, 0);
	if ((r = set_options(c, h, known, e)) < 0)
		return r;
	if (ssh_options_set(h->ssh, SSH_OPTIONS_FD, &h->fd) < 0)
		return err_set(e, ERR_BUG, HOST_FMT "libssh refuses a socket", HOST_ARGS(c, h));
	ssh_set_message_callback(h->ssh, reply_default, NULL);
	h->traffic = (struct ssh_counter_struct){ 0 };
	ssh_set_counters(h->ssh, &h->traffic, NULL);
	c->heard_ms = steady_ms();
	c->heard_bytes = 0;
	h->fd = -1;	/* the session closes it from now on */
	return handshake(c, h, b, e);
}

/* sshd closes connections unread when too many log in at once (MaxStartups); so does a host that
 * is just starting. Both pass within moments. */
static bool worth_another_try(const struct hop *h, int r)
{
	return r == -(int)ERR_UNREACHABLE && h->ssh && !ssh_get_serverbanner(h->ssh);
}

static int pause_ms(struct conn *c, unsigned ms, const struct bound *b, struct err *e)
{
	struct bound until = { .until_ms = steady_ms() + ms, .cancel = b->cancel };
	if (b->until_ms && until.until_ms > b->until_ms)
		return -(int)ERR_UNREACHABLE;
	while (!bound_over(&until)) {
		if (bound_cancelled(b))
			return err_set(e, ERR_INTERRUPTED, "host '%s': interrupted", c->name);
		poll(NULL, 0, bound_slice(&until));
	}
	return 0;
}

static int hop_open(struct conn *c, size_t i, const struct bound *b, struct err *e)
{
	struct hop *h = &c->hops[i];
	struct khosts known = { 0 };
	AUTO_STRV struct strv files = { 0 };
	known_files(h, &files);
	int r = khosts_load(strv_get(&files), h->khost, &known, e);
	if (r < 0)
		return err_wrap(e, HOST_FMT "its known host keys", HOST_ARGS(c, h));
	c->nhops = i + 1;
	for (unsigned try = 1;; try++) {
		r = hop_try(c, i, &known, b, e);
		if (r == 0 || try == TRIES_MAX || !worth_another_try(h, r))
			break;
		unsigned jitter = 0;
		ssize_t n = getrandom(&jitter, sizeof(jitter), 0);
		(void)n;
		hop_close(c, h);
		if (i) {
			struct link *l = &c->hops[i - 1].link;
			if (l->ch) {
				ssh_remove_channel_callbacks(l->ch, &l->cb);
				ssh_channel_free(l->ch);
			}
			link_over(l);
			free(l->buf);
			*l = (struct link){ .fd = -1 };
		}
		int p = pause_ms(c, 100 * try + jitter % (200 * try), b, e);
		if (p < 0) {
			r = p;
			break;
		}
	}
	if (r == 0)
		r = check_key(c, h, &known, e);
	khosts_clear(&known);
	if (r == 0)
		r = conn_login(c, h, b, e);
	h->in = r == 0;
	c->heard_ms = steady_ms();
	return r;
}

/* ---- the chain */

static int name_hop(struct conn *c, struct hop *h, const char *given, struct err *e)
{
	char login[256] = "";
	const char *as = h->conf.user;
	if (!as) {
		int r = sshconf_login(login, sizeof(login), e);
		if (r < 0)
			return r;
		as = login;
	}
	h->port = h->conf.port ? h->conf.port : 22;
	AUTO_BUF struct buf k;
	buf_init(&k, 1024);
	const char *host = h->conf.hostname ? h->conf.hostname : given;
	if (h->conf.host_key_alias ? khost_name(&k, h->conf.host_key_alias, 0) : khost_name(&k, host, h->port))
		return err_set(e, ERR_CONFIG, "host '%s': the address is too long", c->name);
	h->host = strdup(host);
	h->user = strdup(as);
	h->khost = buf_take(&k);
	return h->host && h->user && h->khost ? 0 : err_set(e, ERR_MEMORY, "host '%s': no memory", c->name);
}

/* "[user@]host[:port]", host perhaps in brackets; cut out of text in place. */
static int split_jump(struct conn *c, char *text, char **ret_user, char **ret_host, unsigned *ret_port, struct err *e)
{
	char *at = strrchr(text, '@');
	*ret_user = NULL;
	if (at) {
		*at = '\0';
		*ret_user = text;
		text = at + 1;
	}
	char *port = NULL;
	if (*text == '[') {
		char *end = strchr(++text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return err_set(e, ERR_CONFIG, "host '%s': jump host '[%s' lacks its ']'", c->name, text);
		port = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else {
		char *colon = strchr(text, ':');
		if (colon && !strchr(colon + 1, ':')) {		/* more than one: a bare IPv6 address */
			*colon = '\0';
			port = colon + 1;
		}
	}
	*ret_host = text;
	*ret_port = 0;
	if (port) {
		char *end;
		unsigned long n = strtoul(port, &end, 10);
		if (!*port || *end || n < 1 || n > 65535)
			return err_set(e, ERR_CONFIG, "host '%s': jump host '%s' has no port '%s'", c->name, text, port);
		*ret_port = (unsigned)n;
	}
	if (!*text || (*ret_user && !**ret_user))
		return err_set(e, ERR_CONFIG, "host '%s': a jump host without a name (wanted: [user@]host[:port],...)", c->name);
	return 0;
}

/* Puts the jump hosts of `list` (and those that the configuration sets in front of the first of
 * them) into the chain. */
static int add_jumps(struct conn *c, const char *list, const struct ssh_target *t, const struct ssh_policy *p,
		     unsigned depth, struct err *e)
{
	if (depth > HOPS_MAX)
		return err_set(e, ERR_CONFIG, "host '%s': its jump hosts go round in a circle", c->name);
	AUTO_FREE char *copy = strdup(list);
	if (!copy)
		return err_set(e, ERR_MEMORY, "host '%s': no memory", c->name);
	char *save = NULL;
	bool first = true;
	for (char *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
		char *user = NULL, *host = NULL;
		unsigned port = 0;
		int r = split_jump(c, one, &user, &host, &port, e);
		if (r < 0)
			return r;
		struct sshconf conf = { 0 };
		if ((r = sshconf_load(p->config_file, host, user, port, &conf, e)) < 0)
			return r;
		if (first && conf.proxy_jump)
			r = add_jumps(c, conf.proxy_jump, t, p, depth + 1, e);
		first = false;
		if (r == 0 && c->nhops >= HOPS_MAX - 1)
			r = err_set(e, ERR_CONFIG, "host '%s': more than %d jump hosts", c->name, HOPS_MAX - 1);
		if (r < 0) {
			sshconf_clear(&conf);
			return r;
		}
		struct hop *h = &c->hops[c->nhops++];
		h->conf = conf;
		h->known_hosts = t->known_hosts;
		if (asprintf(&h->label, "jump host '%s': ", host) < 0) {
			h->label = NULL;
			return err_set(e, ERR_MEMORY, "host '%s': no memory", c->name);
		}
		if ((r = name_hop(c, h, host, e)) < 0)
			return r;
	}
	return 0;
}

static int plan(struct conn *c, const struct ssh_target *t, const struct ssh_policy *p, struct err *e)
{
	struct sshconf conf = { 0 };
	int r = sshconf_load(p->config_file, t->address, t->user, t->port, &conf, e);
	if (r < 0)
		return err_wrap(e, "host '%s'", c->name);
	const char *jump = t->jump ? t->jump : conf.proxy_jump;
	if (jump && *jump && strcmp(jump, "none") != 0)
		r = add_jumps(c, jump, t, p, 0, e);
	struct hop *h = &c->hops[c->nhops++];
	h->conf = conf;
	h->known_hosts = t->known_hosts;
	h->key_file = t->key_file;
	h->label = strdup("");
	if (r == 0 && !h->label)
		r = err_set(e, ERR_MEMORY, "host '%s': no memory", c->name);
	if (r == 0)
		r = name_hop(c, h, t->address, e);
	return r;
}

static void conn_close(struct session *s)
{
	struct conn *c = (struct conn *)s;
	conn_drop(s);
	for (size_t i = HOPS_MAX; i-- > 0;)
		hop_clear(c, &c->hops[i]);
	free(c->name);
	free(c);
}

static const struct session_ops ssh_ops = {
	.run = conn_run,
	.hold = conn_hold,
	.drop = conn_drop,
	.close = conn_close,
};

int ssh_open(const struct ssh_target *t, const struct ssh_policy *p, struct session **ret, struct err *e)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c || !(c->name = strdup(t->name ? t->name : t->address))) {
		free(c);
		return err_set(e, ERR_MEMORY, "host '%s': no memory", t->name);
	}
	for (size_t i = 0; i < HOPS_MAX; i++)
		c->hops[i].fd = c->hops[i].link.fd = -1;
	c->base.ops = &ssh_ops;
	c->base.host = c->name;
	c->cancel = p->cancel;
	c->accept_new = p->accept_new_host_keys;
	c->password = t->password;
	c->sudo_password = t->sudo_password;
	c->ran = p->ran;
	c->ran_ctx = p->ran_ctx;
	struct bound b = {
		.until_ms = steady_ms() + (uint64_t)(p->connect_timeout_s ? p->connect_timeout_s : 20) * 1000,
		.cancel = p->cancel,
	};
	int r = plan(c, t, p, e);
	size_t n = c->nhops;
	for (size_t i = 0; i < n && r == 0; i++)
		r = hop_open(c, i, &b, e);
	if (r == -(int)ERR_TIMEOUT)
		r = err_set(e, ERR_UNREACHABLE, "host '%s': login was not done within %u seconds", c->name,
			    p->connect_timeout_s ? p->connect_timeout_s : 20);
	if (r < 0) {
		conn_close(&c->base);
		return r;
	}
	c->root = strcmp(conn_target(c)->user, "root") == 0;
	*ret = &c->base;
	return 0;
}
