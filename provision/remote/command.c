/* SPDX-License-Identifier: BSD-2-Clause */
/* One command in a channel of an open session. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "provision/remote/cmdline.h"
#include "provision/remote/conn.h"
#include "provision/remote/text.h"

#define OUT_MAX_DEFAULT ((size_t)64 * 1024)
#define ERR_KEEP ((size_t)16 * 1024)
#define SCRIPT_MAX ((size_t)1 << 20)
#define CHUNK ((size_t)128 * 1024)
#define TIMEOUT_DEFAULT_S 60
#define GRACE_MS 3000		/* for timeout(1) on the node to say that it ended the command */
#define LINGER_MS 5000		/* without a byte behind the exit status: a child keeps the channel open */
#define SUDO_MS 30000		/* for sudo to start the script once it has what it wants */
#define DROP_MS 5000

enum password { PW_NONE, PW_WAITED_FOR, PW_ASKED, PW_SENT, PW_WRONG };

struct run {
	struct conn *c;
	const struct cmd *cmd;		/* NULL once a held command's start has returned */
	ssh_channel ch;
	struct ssh_channel_callbacks_struct cb;
	char *line;	/* what exec sends */
	struct buf script;		/* with sudo: to be sent ahead of stdin */
	size_t script_sent;
	struct buf out, err;
	enum cmdline_sudo sudo;
	enum password password;
	bool awaits;			/* sudo is content: the shell reads the script */
	bool started;			/* the script runs (known only with sudo; else true) */
	bool exec_done, out_full, eof_sent, eof, closed, has_status, keep_stdin, drained;
	int status;
	size_t said;			/* bytes of out that cmd->said has heard */
	uint64_t last_ms;		/* of the last byte from the command */
	/* stdin */
	const char *in;
	size_t in_left;
	char *chunk;			/* of in_fd */
	bool in_end;
	uint64_t sent;
};

/* ---- what comes back */

/* Keeps the newest ERR_KEEP bytes or so: the last line is the one that says why. */
static void keep_err(struct buf *b, const char *data, size_t len)
{
	if (len > ERR_KEEP / 2) {
		data += len - ERR_KEEP / 2;
		len = ERR_KEEP / 2;
	}
	if (b->len + len > ERR_KEEP) {
		size_t cut = b->len - (ERR_KEEP - len) / 2;
		memmove(b->data, b->data + cut, b->len - cut + 1);
		b->len -= cut;
	}
	buf_add(b, data, len);
}

/* Cuts stderr through the line of a marker. */
static bool cut_through(struct buf *b, const char *marker)
{
	char *at = b->len ? memmem(b->data, b->len, marker, strlen(marker)) : NULL;
	if (!at || (size_t)(at - b->data) + strlen(marker) >= b->len || at[strlen(marker)] != '\n')
		return false;
	size_t cut = (size_t)(at - b->data) + strlen(marker) + 1;
	memmove(b->data, b->data + cut, b->len - cut + 1);
	b->len -= cut;
	return true;
}

/* Until the script starts, sudo speaks on stderr: its question, our markers and whatever PAM says. */
static void hear_sudo(struct run *r)
{
	if (cut_through(&r->err, CMDLINE_AWAIT))
		r->awaits = true;
	if (cut_through(&r->err, CMDLINE_READY)) {
		r->started = true;
		return;
	}
	char *at = r->err.len ? memmem(r->err.data, r->err.len, CMDLINE_PROMPT, sizeof(CMDLINE_PROMPT) - 1) : NULL;
	if (!at)
		return;
	size_t off = (size_t)(at - r->err.data), n = sizeof(CMDLINE_PROMPT) - 1;
	memmove(at, at + n, r->err.len - off - n + 1);
	r->err.len -= n;
	r->password = r->password == PW_SENT ? PW_WRONG : PW_ASKED;
}

/* Hands on the lines that have become whole. */
static void say_lines(struct run *r)
{
	const char *end;
	while (r->said < r->out.len &&
	       (end = memchr(r->out.data + r->said, '\n', r->out.len - r->said)) != NULL) {
		char line[301];
		const char *from = r->out.data + r->said;
		snprintf(line, sizeof(line), "%.*s", (int)(end - from < 300 ? end - from : 300), from);
		r->said = (size_t)(end - r->out.data) + 1;
		r->cmd->said(r->cmd->said_ctx, line);
	}
}

static int on_data(ssh_session ssh, ssh_channel ch, void *data, uint32_t len, int is_stderr, void *arg)
{
	struct run *r = arg;
	(void)ssh, (void)ch;
	r->last_ms = steady_ms();
	if (is_stderr) {
		keep_err(&r->err, data, len);
		if (!r->started && r->err.data)
			hear_sudo(r);
	} else if (!r->drained && buf_add(&r->out, data, len) < 0) {
		r->out_full = true;
	}
	if (!is_stderr && !r->drained && r->cmd->said)
		say_lines(r);
	return (int)len;
}

static void on_status(ssh_session ssh, ssh_channel ch, int status, void *arg)
{
	struct run *r = arg;
	(void)ssh, (void)ch;
	r->has_status = true;
	r->status = status & 0xff;
	r->last_ms = steady_ms();
}

static void on_signal(ssh_session ssh, ssh_channel ch, const char *name, int core, const char *msg, const char *lang,
		      void *arg)
{
	/* RFC 4254, 6.10, with Linux' numbers; what is not listed counts as KILL */
	static const struct {
		const char *name;
		int n;
	} signals[] = { { "HUP", 1 }, { "INT", 2 }, { "QUIT", 3 }, { "ILL", 4 }, { "ABRT", 6 }, { "FPE", 8 },
			{ "KILL", 9 }, { "USR1", 10 }, { "SEGV", 11 }, { "USR2", 12 }, { "PIPE", 13 },
			{ "ALRM", 14 }, { "TERM", 15 } };
	struct run *r = arg;
	(void)ssh, (void)ch, (void)core, (void)msg, (void)lang;
	r->has_status = true;
	r->status = 128 + 9;
	for (size_t i = 0; i < COUNT(signals); i++)
		if (name && strcmp(name, signals[i].name) == 0)
			r->status = 128 + signals[i].n;
	r->last_ms = steady_ms();
}

static void on_eof(ssh_session ssh, ssh_channel ch, void *arg)
{
	struct run *r = arg;
	(void)ssh, (void)ch;
	r->eof = true;
}

static void on_close(ssh_session ssh, ssh_channel ch, void *arg)
{
	struct run *r = arg;
	(void)ssh, (void)ch;
	r->closed = true;
}

/* ---- what goes there */

static int refill(struct run *r, struct err *e)
{
	struct pollfd p = { .fd = r->cmd->in_fd, .events = POLLIN };
	if (poll(&p, 1, 0) == 0)
		return 0;
	ssize_t n = read(r->cmd->in_fd, r->chunk, CHUNK);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return err_errno(e, ERR_FAILED, "host '%s': '%s': reading what is to be sent", r->c->name,
				 r->cmd->script->name);
	if (n == 0)
		r->in_end = true;
	if (n > 0) {
		r->in = r->chunk;
		r->in_left = (size_t)n;
	}
	return 0;
}

static int send_password(struct run *r, struct err *e)
{
	struct buf b;
	buf_init_secret(&b, SECRET_MAX + 1);
	buf_add(&b, secret_expose(r->c->sudo_password), secret_len(r->c->sudo_password));
	buf_addc(&b, '\n');
	int n = b.full ? SSH_ERROR : ssh_channel_write(r->ch, b.data, (uint32_t)b.len);
	bool all = n == (int)b.len;
	buf_clear(&b);
	r->password = PW_SENT;
	if (!all && !r->closed)
		return err_set(e, ERR_UNREACHABLE, "host '%s': sudo's password could not be sent", r->c->name);
	return 0;
}

/* One write of at most len bytes; 0 when the window is full, or the channel closed or lost (the callbacks
 * and conn_step tell). */
static size_t push(struct run *r, const char *data, size_t len)
{
	size_t want = len < CHUNK ? len : CHUNK;
	uint32_t window = ssh_channel_window_size(r->ch);
	int n = window ? ssh_channel_write(r->ch, data, (uint32_t)(want < window ? want : window)) : 0;
	if (n <= 0)
		return 0;
	r->last_ms = steady_ms();
	return (size_t)n;
}

/* Sends as much of stdin as goes without piling up. *ret_wait: stdin's source has nothing now. */
static int feed(struct run *r, bool *ret_wait, struct err *e)
{
	ssh_session ssh = conn_target(r->c)->ssh;
	*ret_wait = false;
	if (!r->exec_done || r->eof_sent || r->closed || r->has_status)
		return 0;
	if (r->password == PW_ASKED) {
		int rc = send_password(r, e);
		if (rc < 0)
			return rc;
	}
	/* sudo reads the first line as the password when it wants one: nothing else may stand there */
	if (r->sudo == CMDLINE_SUDO_ASK && !r->awaits && !r->started)
		return 0;
	while (r->script_sent < r->script.len && !(ssh_get_status(ssh) & SSH_WRITE_PENDING)) {
		size_t n = push(r, r->script.data + r->script_sent, r->script.len - r->script_sent);
		if (!n)
			return 0;
		r->script_sent += n;
	}
	if (!r->started)
		return 0;
	while (!(ssh_get_status(ssh) & SSH_WRITE_PENDING)) {
		if (!r->in_left && !r->in_end) {
			int rc = refill(r, e);
			if (rc < 0)
				return rc;
		}
		if (!r->in_left && r->in_end) {
			if (!r->keep_stdin) {
				ssh_channel_send_eof(r->ch);
				r->eof_sent = true;
			}
			return 0;
		}
		if (!r->in_left) {
			*ret_wait = true;
			return 0;
		}
		size_t n = push(r, r->in, r->in_left);
		if (!n)
			return 0;
		r->in += n;
		r->in_left -= n;
		r->sent += n;
		if (r->cmd->progress)
			r->cmd->progress(r->cmd->progress_ctx, r->sent,
					 r->cmd->in_file ? r->cmd->in_total : r->sent + r->in_left);
	}
	return 0;
}

/* ---- sudo's refusals */

static int sudo_refusal(const struct run *r, struct err *e)
{
	static const struct {
		const char *says;
		enum err_kind kind;
		const char *means;
	} rows[] = {
		{ "a password is required", ERR_PASSWORD,
		  "sudo wants a password and none is given: name a vault entry for it in the inventory, or allow the user "
		  "NOPASSWD in sudoers" },
		{ "a terminal is required", ERR_PASSWORD,
		  "sudo wants a password and none is given: name a vault entry for it in the inventory, or allow the user "
		  "NOPASSWD in sudoers" },
		{ "must have a tty", ERR_FAILED, "sudoers has 'requiretty': add 'Defaults:USER !requiretty'" },
		{ "not in the sudoers file", ERR_FAILED, "the user may not use sudo: add the user to group sudo or to sudoers" },
		{ "is not allowed to", ERR_FAILED, "sudoers does not allow the user to run every command as root" },
		{ "may not run sudo", ERR_FAILED, "the user may not use sudo on that host: see sudoers" },
		{ "no new privileges", ERR_FAILED, "sshd runs without the right to gain privileges (NoNewPrivileges)" },
		{ "must be owned by uid 0", ERR_FAILED, "sudo is not installed set-uid root" },
		{ "effective uid is not 0", ERR_FAILED, "sudo cannot become root there (nosuid mount, or no set-uid bit)" },
		{ "account", ERR_FAILED, "sudo's account check refuses the user" },
	};
	const char *user = conn_target(r->c)->user;
	const char *text = buf_str(&r->err);
	char last[300];
	text_last_line(last, sizeof(last), text, r->err.len);
	if (r->password == PW_SENT || r->password == PW_WRONG)
		if (strstr(text, "incorrect password") || strstr(text, "Sorry") || r->password == PW_WRONG)
			return err_set(e, ERR_PASSWORD, "host '%s': sudo does not take the password of '%s'", r->c->name, user);
	if (r->has_status && r->status == 127)
		return err_set(e, ERR_FAILED, "host '%s': sudo is not installed there: install it, or log in as root (%s)",
			       r->c->name, last);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strstr(text, rows[i].says))
			return err_set(e, rows[i].kind, "host '%s': user '%s': %s (it said: %s)", r->c->name, user,
				       rows[i].means, last);
	if (r->awaits)
		return err_set(e, ERR_FAILED, "host '%s': '%s' did not come whole to the shell that was to run it%s%s",
			       r->c->name, r->cmd->script->name, *last ? ": " : "", last);
	return err_set(e, ERR_FAILED, "host '%s': sudo did not start '%s' for user '%s'%s%s", r->c->name,
		       r->cmd->script->name, user, *last ? ": " : " and said nothing", last);
}

/* A login shell that cannot carry a script fails in its own words, before ours. */
static int odd_shell(const struct run *r, struct err *e)
{
	const char *user = conn_target(r->c)->user;
	if (r->status == 1 && strstr(buf_str(&r->err), "Unmatched '"))
		return err_set(e, ERR_FAILED, "host '%s': the login shell of '%s' is a csh, which takes no script of several "
			       "lines: give the user another one (chsh -s /bin/sh %s)", r->c->name, user, user);
	if (r->status == 1 && strstr(buf_str(&r->out), "account is currently not available"))
		return err_set(e, ERR_FAILED, "host '%s': the login shell of '%s' is nologin: give the user another one "
			       "(chsh -s /bin/sh %s)", r->c->name, user, user);
	return 0;
}

/* ---- one command */

static void run_clear(struct run *r)
{
	if (r->ch) {
		ssh_remove_channel_callbacks(r->ch, &r->cb);
		ssh_channel_free(r->ch);	/* closes it when the node did not */
	}
	buf_clear(&r->out);
	buf_clear(&r->err);
	buf_clear(&r->script);
	free(r->line);
	free(r->chunk);
}

static int prepare(struct run *r, struct conn *c, const struct cmd *cmd, bool hold, struct err *e)
{
	*r = (struct run){ .c = c, .cmd = cmd, .keep_stdin = hold };
	(cmd->flags & CMD_SECRET_OUT ? buf_init_secret : buf_init)(&r->out, cmd->out_max ? cmd->out_max :
											   OUT_MAX_DEFAULT);
	buf_init(&r->err, ERR_KEEP + 1);
	buf_init(&r->script, SCRIPT_MAX);
	if ((cmd->flags & CMD_SUDO) && !c->root)
		r->sudo = c->sudo_password ? CMDLINE_SUDO_ASK : CMDLINE_SUDO;
	r->started = r->sudo == CMDLINE_NO_SUDO;
	if (r->sudo == CMDLINE_SUDO_ASK &&
	    memchr(secret_expose(c->sudo_password), '\n', secret_len(c->sudo_password)))
		return err_set(e, ERR_PASSWORD, "host '%s': sudo's password has a line break in it", c->name);
	struct buf line;
	buf_init(&line, CMDLINE_MAX);
	unsigned timeout = hold ? 0 : cmd->timeout_s ? cmd->timeout_s : TIMEOUT_DEFAULT_S;
	int rc = cmdline_make(&line, &r->script, r->sudo, timeout, cmd->script->text, cmd->argv, e);
	if (rc < 0) {
		buf_clear(&line);
		return err_wrap(e, "host '%s': '%s'", c->name, cmd->script->name);
	}
	r->line = buf_take(&line);
	if (cmd->in_file) {
		r->chunk = malloc(CHUNK);
	} else {
		r->in = cmd->in_secret ? secret_expose(cmd->in_secret) : cmd->in;
		r->in_left = cmd->in_secret ? secret_len(cmd->in_secret) : cmd->in ? cmd->in_len : 0;
		r->in_end = true;
	}
	r->ch = ssh_channel_new(conn_target(c)->ssh);
	if (!r->line || (cmd->in_file && !r->chunk) || !r->ch)
		return err_set(e, ERR_MEMORY, "host '%s': no memory for a command", c->name);
	r->cb = (struct ssh_channel_callbacks_struct){
		.userdata = r,
		.channel_data_function = on_data,
		.channel_eof_function = on_eof,
		.channel_close_function = on_close,
		.channel_exit_status_function = on_status,
		.channel_exit_signal_function = on_signal,
	};
	ssh_callbacks_init(&r->cb);
	ssh_add_channel_callbacks(r->ch, &r->cb);
	return 0;
}

static int timed_out(const struct run *r, unsigned s, struct err *e)
{
	return err_set(e, ERR_TIMEOUT, "host '%s': '%s' was not done after %u seconds and %s", r->c->name,
		       r->cmd->script->name, s,
		       r->has_status ? "was ended" : "may still be running there: its channel was closed");
}

static int open_channel(struct run *r, const struct bound *b, struct err *e)
{
	int rc, step;
	while ((rc = ssh_channel_open_session(r->ch)) == SSH_AGAIN)
		if ((step = conn_step(r->c, b, -1, e)) < 0)
			return step;
	char why[256];
	if (rc != SSH_OK)
		return err_set(e, ERR_UNREACHABLE, "host '%s': the server opens no channel for '%s' (%s)%s", r->c->name,
			       r->cmd->script->name, conn_why(conn_target(r->c), why, sizeof(why)),
			       r->c->held ? ": its sshd must allow two in a connection (MaxSessions)" : "");
	return 0;
}

static bool ended(const struct run *r)
{
	return r->closed || (r->has_status && r->last_ms + LINGER_MS < steady_ms());
}

static bool has_line(const struct run *r)
{
	return r->out.len && memchr(r->out.data, '\n', r->out.len);
}

/* Drives r until its end (or, for a command to hold, its first line). */
static int drive(struct run *r, const struct bound *b, struct err *e)
{
	int rc = open_channel(r, b, e);
	uint64_t begun_ms = steady_ms();
	while (rc == 0) {
		char why[256];
		bool wait = false;
		if (!r->exec_done) {
			int x = ssh_channel_request_exec(r->ch, r->line);
			if (x == SSH_ERROR && !r->closed && ssh_is_connected(conn_target(r->c)->ssh))
				return err_set(e, ERR_UNREACHABLE, "host '%s': the server runs no commands for '%s' (%s)",
					       r->c->name, conn_target(r->c)->user,
					       conn_why(conn_target(r->c), why, sizeof(why)));
			r->exec_done = x == SSH_OK;
		}
		if ((rc = feed(r, &wait, e)) < 0)
			return rc;
		if (ended(r) || (r->keep_stdin && has_line(r)))
			return 0;
		if (r->out_full)
			return err_set(e, ERR_MEMORY, "host '%s': '%s' wrote more than the %zu bytes that it may",
				       r->c->name, r->cmd->script->name, r->out.max);
		if (r->password == PW_WRONG)
			return sudo_refusal(r, e);
		if (!r->started && steady_ms() - begun_ms > SUDO_MS && !r->has_status)
			return sudo_refusal(r, e);
		if (r->c->held && r->c->held->closed)
			return err_set(e, ERR_FAILED, "host '%s': what is held there has ended by itself before '%s' was done",
				       r->c->name, r->cmd->script->name);
		rc = conn_step(r->c, b, wait ? r->cmd->in_fd : -1, e);
		if (rc == -(int)ERR_UNREACHABLE && (r->closed || r->has_status))
			return 0;	/* it was done before the connection went (a shutdown, say) */
	}
	return rc;
}

static int settle(struct run *r, unsigned timeout_s, uint64_t begun_ms, struct answer *ret, struct err *e)
{
	uint64_t ms = steady_ms() - begun_ms;
	int rc = odd_shell(r, e);
	if (rc < 0)
		return rc;
	if (!r->started)
		return sudo_refusal(r, e);
	if (!r->has_status)
		return err_set(e, ERR_UNREACHABLE,
			       "host '%s': '%s' ended without a status: its sshd was stopped or killed", r->c->name,
			       r->cmd->script->name);
	/* timeout(1): 124, or 137 when it had to kill */
	if ((r->status == 124 || r->status == 137) && ms + 1000 >= (uint64_t)timeout_s * 1000)
		return timed_out(r, timeout_s, e);
	*ret = (struct answer){ .status = r->status, .out = r->out, .err = r->err, .ms = ms };
	buf_init(&r->out, 0);
	buf_init(&r->err, 0);
	return 0;
}

static int run_or_hold(struct conn *c, struct run *r, const struct cmd *cmd, bool hold, struct answer *ret,
		       struct err *e)
{
	unsigned timeout_s = cmd->timeout_s ? cmd->timeout_s : TIMEOUT_DEFAULT_S;
	uint64_t begun = steady_ms();
	struct bound b = { .until_ms = begun + (uint64_t)timeout_s * 1000 + GRACE_MS,
			   .cancel = c->cancel,
			   .finishes = c->base.finishes };
	c->heard_ms = begun;
	int rc = prepare(r, c, cmd, hold, e);
	if (rc == 0)
		rc = drive(r, &b, e);
	if (rc == -(int)ERR_TIMEOUT)
		return timed_out(r, timeout_s, e);
	if (rc < 0)
		return rc;
	if (hold && !ended(r)) {
		*ret = (struct answer){ .out = r->out, .ms = steady_ms() - begun };
		buf_init(&r->out, 0);
		r->drained = true;
		return 1;
	}
	return settle(r, timeout_s, begun, ret, e);
}

static void tell(const struct conn *c, const struct cmd *cmd, const struct answer *a, int rc, const struct err *e)
{
	if (c->ran)
		c->ran(c->ran_ctx, c->name, cmd, rc < 0 ? NULL : a, rc < 0 ? e : NULL);
}

int conn_run(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	struct conn *c = (struct conn *)s;
	struct run r;
	struct answer a = { 0 };
	int rc = run_or_hold(c, &r, cmd, false, &a, e);
	run_clear(&r);
	tell(c, cmd, &a, rc, e);
	if (rc == 0)
		*ret = a;
	return rc;
}

int conn_hold(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	struct conn *c = (struct conn *)s;
	if (c->held)
		return err_set(e, ERR_BUG, "host '%s': something is held already", c->name);
	struct run *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_MEMORY, "host '%s': no memory for a command", c->name);
	struct answer a = { 0 };
	int rc = run_or_hold(c, r, cmd, true, &a, e);
	tell(c, cmd, &a, rc, e);
	if (rc == 1) {
		r->cmd = NULL;		/* the caller's; nothing of it is needed any more */
		c->held = r;
	} else {
		run_clear(r);
		free(r);
	}
	if (rc >= 0)
		*ret = a;
	return rc < 0 ? rc : 0;
}

void conn_drop(struct session *s)
{
	struct conn *c = (struct conn *)s;
	struct run *r = c->held;
	if (!r)
		return;
	struct err e = { 0 };
	bool stopping = c->cancel && atomic_load(&c->cancel->requested);
	struct bound b = { .until_ms = steady_ms() + (stopping ? DROP_MS / 4 : DROP_MS) };
	if (!r->closed)
		ssh_channel_send_eof(r->ch);
	while (!ended(r) && conn_step(c, &b, -1, &e) == 0)
		;
	c->held = NULL;
	run_clear(r);
	free(r);
}
