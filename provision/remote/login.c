/* SPDX-License-Identifier: BSD-2-Clause */
/* Logging in: agent, key files, password. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "provision/remote/agent.h"
#include "provision/remote/conn.h"
#include "provision/remote/text.h"

static const char *const default_keys[] = { "id_ed25519", "id_ecdsa", "id_rsa" };

/* What was tried, for the message when nothing worked. */
struct tried {
	struct conn *c;
	struct hop *h;
	const struct bound *b;
	struct buf text;
	struct strv offered;	/* base64 public keys */
	bool locked;		/* a key file needs a passphrase that the agent would know */
	bool partial;
};

static void note(struct tried *t, const char *what)
{
	buf_addf(&t->text, "%s%s", t->text.len ? ", " : "", what);
}

static void note_file(struct tried *t, const char *path, const char *but)
{
	buf_addf(&t->text, "%sthe key file '%s'%s", t->text.len ? ", " : "", path, but);
}

/* The result of one method: 1 logged in, 0 refused, negative: over. */
static int outcome(struct tried *t, int rc, struct err *e)
{
	char why[256];
	switch (rc) {
	case SSH_AUTH_SUCCESS:
		return 1;
	case SSH_AUTH_PARTIAL:
		t->partial = true;
		return 0;
	case SSH_AUTH_ERROR:
		if (ssh_is_connected(t->h->ssh) && !(ssh_get_status(t->h->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)))
			return 0;
		return err_set(e, ERR_UNREACHABLE,
			       HOST_FMT "login as '%s' was cut off (%s) after trying %s. If the agent holds many keys, name "
			       "the right one (IdentityFile and IdentitiesOnly yes in ~/.ssh/config, or a key file "
			       "in the inventory)", HOST_ARGS(t->c, t->h), t->h->user,
			       conn_why(t->h, why, sizeof(why)), buf_str(&t->text));
	default:
		return 0;
	}
}

/* Calls one of libssh's login functions until it is done. */
#define LOGIN_LOOP(t, call, e)                                              \
	({                                                                  \
		int rc_, r_ = 0;                                            \
		while ((rc_ = (call)) == SSH_AUTH_AGAIN)                    \
			if ((r_ = conn_step((t)->c, (t)->b, -1, (e))) < 0)  \
				break;                                      \
		/* a connection that went in the middle: the method tells why */ \
		if (r_ == -(int)ERR_UNREACHABLE)                            \
			r_ = 0, rc_ = SSH_AUTH_ERROR;                       \
		r_ < 0 ? r_ : outcome((t), rc_, (e));                       \
	})

static int locked_key(const char *prompt, char *buf, size_t len, int echo, int verify, void *arg)
{
	(void)prompt, (void)buf, (void)len, (void)echo, (void)verify;
	*(bool *)arg = true;
	return -1;
}

/* The public half of a key file, also of one with a passphrase: from FILE.pub or from an OpenSSH key itself. */
static void public_half(const char *path, struct strv *ret)
{
	char pub[1100];
	ssh_key key = NULL;
	char *base64 = NULL;
	snprintf(pub, sizeof(pub), "%s.pub", path);
	if (ssh_pki_import_pubkey_file(pub, &key) != SSH_OK && ssh_pki_import_pubkey_file(path, &key) != SSH_OK)
		return;
	if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK)
		strv_push(ret, base64);
	ssh_string_free_char(base64);
	ssh_key_free(key);
}

static void done_with(struct tried *t, ssh_key key)
{
	char *base64 = NULL;
	if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK)
		strv_push(&t->offered, base64);
	ssh_string_free_char(base64);
}

static int try_file(struct tried *t, const char *path, bool must, struct err *e)
{
	ssh_key key = NULL;
	bool locked = false;
	if (access(path, R_OK) < 0) {
		if (must)
			note_file(t, path, " (it cannot be read)");
		return 0;
	}
	int rc = ssh_pki_import_privkey_file(path, NULL, locked_key, &locked, &key);
	if (rc != SSH_OK) {
		t->locked |= locked;
		note_file(t, path, locked ? " (it has a passphrase)" : " (not a key that libssh reads)");
		return 0;
	}
	note_file(t, path, "");
	int r = LOGIN_LOOP(t, ssh_userauth_publickey(t->h->ssh, NULL, key), e);
	done_with(t, key);
	ssh_key_free(key);
	return r;
}

/* The files named for this host, by the inventory or by ~/.ssh/config. */
static int try_named_files(struct tried *t, struct err *e)
{
	const struct strv *given = &t->h->conf.identities;
	int r = t->h->key_file ? try_file(t, t->h->key_file, true, e) : 0;
	for (size_t i = 0; i < given->n && r == 0; i++)
		r = try_file(t, given->v[i], true, e);
	return r;
}

static int try_default_files(struct tried *t, struct err *e)
{
	char home[1024];
	if (t->h->key_file || t->h->conf.identities.n)
		return 0;
	int r = sshconf_home(home, sizeof(home), e);
	for (size_t i = 0; i < COUNT(default_keys) && r == 0; i++) {
		char path[1100];
		snprintf(path, sizeof(path), "%s/.ssh/%s", home, default_keys[i]);
		r = try_file(t, path, false, e);
	}
	return r;
}

static int try_agent(struct tried *t, struct err *e)
{
	const struct sshconf *conf = &t->h->conf;
	const char *path = conf->identity_agent ? conf->identity_agent : getenv("SSH_AUTH_SOCK");
	if (!path || !*path)
		return 0;
	AUTO_STRV struct strv first = { 0 };
	if (t->h->key_file)
		public_half(t->h->key_file, &first);
	for (size_t i = 0; i < conf->identities.n; i++)
		public_half(conf->identities.v[i], &first);
	struct agent_choice choice = { .first = &first, .skip = &t->offered, .only = conf->identities_only };
	struct agent *a = NULL;
	int fd = -1;
	unsigned keys = 0;
	int r = agent_start(path, &choice, t->b, &a, &fd, &keys, e);
	if (r == -(int)ERR_UNREACHABLE) {
		note(t, e->msg);
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return err_wrap(e, HOST_FMT "the ssh agent", HOST_ARGS(t->c, t->h));
	if (!a) {
		note(t, "the agent (no other key)");
		return 0;
	}
	char text[64];
	snprintf(text, sizeof(text), "%u key%s of the agent", keys, keys == 1 ? "" : "s");
	note(t, text);
	if (ssh_set_agent_socket(t->h->ssh, fd) < 0) {
		close(fd);
		agent_stop(a);
		return err_set(e, ERR_BUG, HOST_FMT "libssh takes no agent", HOST_ARGS(t->c, t->h));
	}
	r = LOGIN_LOOP(t, ssh_userauth_agent(t->h->ssh, NULL), e);
	agent_stop(a);
	return r;
}

static int try_keyboard(struct tried *t, const char *password, struct err *e)
{
	ssh_session s = t->h->ssh;
	bool answered = false;
	for (;;) {
		int rc, r = 0;
		while ((rc = ssh_userauth_kbdint(s, NULL, NULL)) == SSH_AUTH_AGAIN)
			if ((r = conn_step(t->c, t->b, -1, e)) < 0)
				return r;
		if (rc != SSH_AUTH_INFO)
			return outcome(t, rc, e);
		int n = ssh_userauth_kbdint_getnprompts(s);
		char echo = 1;
		if (n > 0)
			ssh_userauth_kbdint_getprompt(s, 0, &echo);
		/* one hidden question is the password; anything else is not ours to answer */
		if (n > 1 || (n == 1 && (echo || answered)))
			return 0;
		if (n == 1 && ssh_userauth_kbdint_setanswer(s, 0, password) < 0)
			return 0;
		answered |= n == 1;
	}
}

static int try_password(struct tried *t, struct err *e)
{
	const char *password = secret_expose(t->c->password);
	int methods = ssh_userauth_list(t->h->ssh, NULL), r = 0;
	if (methods & SSH_AUTH_METHOD_PASSWORD) {
		note(t, "the password");
		r = LOGIN_LOOP(t, ssh_userauth_password(t->h->ssh, NULL, password), e);
	}
	if (r == 0 && (methods & SSH_AUTH_METHOD_INTERACTIVE)) {
		note(t, "the password (keyboard-interactive)");
		r = try_keyboard(t, password, e);
	}
	return r;
}

static void methods_text(int methods, struct buf *ret)
{
	static const struct {
		int bit;
		const char *name;
	} names[] = { { SSH_AUTH_METHOD_PUBLICKEY, "publickey" }, { SSH_AUTH_METHOD_PASSWORD, "password" },
		      { SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive" },
		      { SSH_AUTH_METHOD_HOSTBASED, "hostbased" }, { SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic" } };
	for (size_t i = 0; i < COUNT(names); i++)
		if (methods & names[i].bit)
			buf_addf(ret, "%s%s", ret->len ? ", " : "", names[i].name);
}

static int refused(struct tried *t, struct err *e)
{
	AUTO_BUF struct buf m;
	buf_init(&m, 256);
	methods_text(ssh_userauth_list(t->h->ssh, NULL), &m);
	const char *next = t->locked && !(getenv("SSH_AUTH_SOCK") || t->h->conf.identity_agent)
				   ? "start an ssh-agent and ssh-add the key"
			   : t->locked  ? "ssh-add the key that has a passphrase"
			   : t->partial ? "the server wants more than one proof, which is not supported beyond key and password"
					: "put the public key into the user's ~/.ssh/authorized_keys (ssh-copy-id), or name "
					  "another key file or user";
	return err_set(e, ERR_UNREACHABLE, HOST_FMT "login as '%s' is refused; tried %s; the server takes %s: %s",
		       HOST_ARGS(t->c, t->h), t->h->user, t->text.len ? buf_str(&t->text) : "nothing (no agent, no key)",
		       m.len ? buf_str(&m) : "nothing that libssh knows", next);
}

int conn_login(struct conn *c, struct hop *h, const struct bound *b, struct err *e)
{
	struct tried t = { .c = c, .h = h, .b = b };
	buf_init(&t.text, 4096);
	int r = try_named_files(&t, e);
	if (r == 0)
		r = try_agent(&t, e);
	if (r == 0)
		r = try_default_files(&t, e);
	if (r == 0 && c->password && h == conn_target(c)) {
		if (!t.text.len)	/* nothing was sent yet: only an answer lists the methods */
			r = LOGIN_LOOP(&t, ssh_userauth_none(h->ssh, NULL), e);
		if (r == 0)
			r = try_password(&t, e);
	}
	if (r == 0 && !t.text.len)
		r = LOGIN_LOOP(&t, ssh_userauth_none(h->ssh, NULL), e);
	if (r == 0)
		r = refused(&t, e);
	buf_clear(&t.text);
	strv_clear(&t.offered);
	return r < 0 ? r : 0;
}
