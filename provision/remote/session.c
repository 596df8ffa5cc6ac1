/* SPDX-License-Identifier: BSD-2-Clause */
#include "provision/remote/session.h"

#include "provision/remote/text.h"

void answer_clear(struct answer *a)
{
	buf_clear(&a->out);
	buf_clear(&a->err);
	*a = (struct answer){ 0 };
}

/* What a non-zero status means to the reader. */
static int fail(const struct session *s, const struct cmd *cmd, const struct answer *a, struct err *e)
{
	char last[400];
	text_last_line(last, sizeof(last), buf_str(&a->err), a->err.len);
	if (a->status > 128 && a->status <= 128 + 64)
		return err_set(e, ERR_FAILED, "host '%s': '%s' was killed by signal %d%s%s", s->host,
			       cmd->script->name, a->status - 128, *last ? ": " : "", last);
	if (!*last)
		return err_set(e, ERR_FAILED, "host '%s': '%s' ended with status %d and said nothing", s->host,
			       cmd->script->name, a->status);
	return err_set(e, ERR_FAILED, "host '%s': '%s' ended with status %d: %s", s->host,
		       cmd->script->name, a->status, last);
}

static int judge(struct session *s, const struct cmd *cmd, const struct answer *a, struct err *e)
{
	if (!a->status || (cmd->flags & CMD_ANY_STATUS))
		return 0;
	return fail(s, cmd, a, e);
}

static int sane(const struct session *s, const struct cmd *cmd, struct err *e)
{
	int inputs = !!cmd->in + !!cmd->in_secret + cmd->in_file;
	if (!cmd->script || !cmd->script->text || inputs > 1)
		return err_set(e, ERR_BUG, "host '%s': a command without a script or with two inputs", s->host);
	return 0;
}

static struct cmd bounded(const struct session *s, const struct cmd *cmd)
{
	struct cmd c = *cmd;
	if (s->timeout_s)
		c.timeout_s = s->timeout_s;
	return c;
}

int session_run(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	struct cmd c = bounded(s, cmd);
	int r = sane(s, cmd, e);
	if (r == 0)
		r = s->ops->run(s, &c, ret, e);
	return r < 0 ? r : judge(s, cmd, ret, e);
}

int session_hold(struct session *s, const struct cmd *cmd, struct answer *ret, struct err *e)
{
	struct cmd c = bounded(s, cmd);
	int r = sane(s, cmd, e);
	if (r == 0)
		r = s->ops->hold(s, &c, ret, e);
	return r < 0 ? r : judge(s, cmd, ret, e);
}

void session_drop(struct session *s)
{
	s->ops->drop(s);
}

void session_close(struct session *s)
{
	if (s)
		s->ops->close(s);
}
