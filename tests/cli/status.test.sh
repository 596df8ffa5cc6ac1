#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# status against nodes whose sshd is real and whose answers are planted: the screen, its JSON, its exit status, what stops it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
# shellcheck source=tests/tap.sh
. tests/tap.sh
ps=${POWERSTACK:-$top/out/release/powerstack}
tmp=$(mktemp -d)
session=powerstack-status-$$
sshd=
trap 'tmux kill-session -t "$session" 2>/dev/null; [ -z "$sshd" ] || kill "$sshd"; rm -rf "$tmp"' EXIT
unset NO_COLOR POWERSTACK_VAULT_PASSWORD_FILE KUBECONFIG SSH_AUTH_SOCK
export HOME=$tmp/home TERM=xterm
mkdir -p "$HOME" /run/sshd 2>/dev/null
cd "$tmp" || exit 1

# ---- five nodes at addresses of the loopback; nobody is at the fourth one
port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -f hostkey
ssh-keygen -q -t ed25519 -N '' -f key
{
	printf 'Port %s\nHostKey %s/hostkey\nAuthorizedKeysFile %s/key.pub\nForceCommand %s/tests/cli/node.py %s/answers\n' \
		"$port" "$tmp" "$tmp" "$top" "$tmp"
	printf 'StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile %s/pid\n' "$tmp"
	for n in 1 2 3 5; do echo "ListenAddress 127.0.0.$n"; done
} >sshd_config
for n in 1 2 3 4 5; do echo "[127.0.0.$n]:$port $(cut -d' ' -f1,2 hostkey.pub)"; done >known_hosts
/usr/sbin/sshd -f sshd_config -E sshd.log || { cat sshd.log; exit 1; }
wait_for 60 test -s pid
sshd=$(cat pid)

host() { printf '        %s: { ansible_host: 127.0.0.%s, internal_ip: 192.168.0.%s, BMC_ip: 192.168.1.%s%s }\n' "$1" "$2" "$2" "$2" "${3-}"; }
inventory() {
	printf 'k3s_cluster:\n  children:\n    server:\n      hosts:\n'
	host ho1 1 ', disk_for_persistent_storage: /dev/disk/by-id/virtio-D1'
	printf '    agent:\n      hosts:\n'
	for n in "$@"; do host "ho$n" "$n"; done
	cat <<-YAML
	  vars:
	    ansible_user: $(id -un)
	    ansible_port: $port
	    ansible_ssh_private_key_file: $tmp/key
	    ssh_known_hosts_file: $tmp/known_hosts
	    nfs_network: 192.168.0.0/24
	    export_path: /mnt/data
	    bmc_user: "{{ ansible_vault.user }}"
	    bmc_password: "{{ ansible_vault.password }}"
	    token: "{{ ansible_vault.token }}"
	YAML
}
inventory 2 >well.yml
inventory 2 3 4 >inventory.yml
inventory 5 >mute.yml

python3 - <<'PY' >answers
import json

def page(stats, used, up=1):
    text = "HTTP/1.1 200 OK\r\n\r\n# HELP x y\n"
    for k, v in {"interval_seconds": "2.5", **stats}.items():
        text += 'kepler_node_energy_stat{instance="n",cpu_architecture="icelake",stat="%s"} %s\n' % (k, v)
    text += 'kepler_node_info{source="os"} 1\nkepler_exporter_build_info{branch="b",version="0.1.0",os="linux"} 1\n'
    for source, component in used:
        text += 'powerstack_exporter_source_used{source="%s",component="%s"} 1\n' % (source, component)
        text += 'powerstack_exporter_source_up{source="%s"} %d\n' % (source, up)
    return text

active = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success"
def node(name):
    unit = "k3s.service" if name == "ho1" else "k3s-agent.service"
    return {
        "host:os": "id=debian\nversion=12\nkernel=6.1.0-30-amd64\narch=amd64",
        "file:/etc/sysctl.d/90-powerstack.conf": "type=f\nmark=yes",
        "unit:" + unit: active,
        "node:/var/lib/rancher/k3s:" + name: "ready=True\nversion=v1.30.2+k3s1",
        "unit:powerstack-exporter.service": active,
        "mount:/mnt/data": "source=192.168.0.1:/mnt/data\ntype=nfs4",
        "statfs:/mnt/data": "type=nfs\nsize=8589934592\nfree=7516192768",
        "http:9102:/metrics": page({"package_joules": "100.25", "dram_joules": "10"}, [("rapl-sysfs", "package"), ("rapl-sysfs", "dram")]),
    }
ho1, ho2, ho3 = node("ho1"), node("ho2"), node("ho3")
meta = lambda **labels: {"labels": labels}
release = lambda name, ns: {"metadata": {"namespace": ns, "labels": {"name": name, "owner": "helm", "status": "deployed", "version": "2",
    "powerstack-config-hash": "0123", "powerstack-ready": "yes"}}}
deployment = lambda release, ns, label, chart: {"metadata": {"labels": {label: chart}, "annotations": {
    "meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": ns}}}
ho1.update({
    "mount:/mnt/data": "source=/dev/vdb1\ntype=btrfs",
    "free:/mnt/data": "size=8589934592\nfree=7516192768",
    "file:/etc/exports.d/powerstack.exports": "type=f\nmark=yes",
    "unit:nfs-server.service": active,
    "exports:/mnt/data": "192.168.0.0/24(rw)",
    "file:/usr/local/bin/helm": "type=f", "record:helm": "archive=1",
    "api:/api/v1/secrets?labelSelector=owner%3Dhelm%2Cstatus%21%3Dsuperseded%2Cname+in+%28cert-manager%2Cmonitoring%2Crancher%29":
        json.dumps({"items": [release("rancher", "cattle-system"), release("cert-manager", "cert-manager")]}),
    "api:/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm":
        json.dumps({"items": [deployment("rancher", "cattle-system", "chart", "rancher-webhook-9.9"),
            deployment("rancher", "cattle-system", "chart", "rancher-2.8.5"),
            deployment("cert-manager", "cert-manager", "helm.sh/chart", "cert-manager-v1.14.5")]}),
    "http:9102:/metrics": page({"platform_joules": "512.6", "package_joules": "300"}, [("redfish", "platform"), ("rapl-sysfs", "package")]),
})
ho3.update({
    "unit:powerstack-exporter.service": "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code",
    "http:9102:/metrics": None,
    "node:/var/lib/rancher/k3s:ho3": "ready=False\nwhy=KubeletNotReady: \033[31mPLEG is not healthy\nversion=v1.29.6+k3s2",
})
print(json.dumps({"127.0.0.1": ho1, "127.0.0.2": ho2, "127.0.0.3": ho3, "127.0.0.5": {"hangs": ""}}))
PY

# run ARGS...: sets rc, out, err
run() {
	"$ps" --ssh-config /dev/null --timeout 10m "$@" >out 2>err </dev/null
	rc=$?
	out=$(cat out)
	err=$(cat err)
}

# ---- all is well; no password is asked for, though the inventory takes secrets from a vault that is not there
run -i well.yml status
is "$rc $err" '0 ' 'two nodes that answer: status 0, and the vault stays closed'
is "$(sed -E 's/asked in .*/asked/; s/ +$//' out)" 'node  role     os         cluster  k3s           exporter    draws  measured
ho1   control  debian 12  Ready    v1.30.2+k3s1  0.1.0     205.0 W  platform by redfish
ho2   worker   debian 12  Ready    v1.30.2+k3s1  0.1.0      44.1 W  package, dram by rapl-sysfs

part        state
prereq      runs on every node
k3s         v1.30.2+k3s1 on every node
disk        /dev/vdb1, 7168 of 8192 MiB free
nfs         runs on every node
helm        /usr/local/bin/helm
rancher     cert-manager v1.14.5: revision 2 is deployed; rancher 2.8.5: revision 2 is deployed
monitoring  not installed
exporter    0.1.0 on every node

249.1 W on 2 of 2 nodes, not of the whole machine on 1; asked' 'the screen, whole lines where there is no terminal'
is "$(find logs -name 'status-*.log' | wc -l)" 1 'the run has a log'
is "$(grep -c ' run probe ' logs/status-*.log)" 2 'each node got one command'
run -i well.yml --json status
is "$(jq -c '[.watts, .failed, .unasked, (.seconds | type), (.nodes | map(.host))]' out)" '[249.14,0,0,"number",["ho1","ho2"]]' \
	'--json: the totals'
is "$(jq -c '.nodes[0] | keys_unsorted' out)" \
	'["host","role","reachable","message","os","kernel","arch","ready","power","parts"]' 'the keys of a node'
is "$(jq -c '.nodes[0].power' out)" \
	'{"watts":205.04,"of":"platform","source":"redfish","whole":true,"estimated":false,"message":null}' 'its power'
is "$(jq -c '.nodes[0].parts[] | select(.part == "rancher")' out)" \
	'{"part":"rancher","status":"ok","version":"2.8.5","message":"cert-manager v1.14.5: revision 2 is deployed; rancher 2.8.5: revision 2 is deployed"}' \
	'a part is told with version and evidence'
is "$(jq -r '[.nodes[1].parts[].part] | join(" ")' out)" 'prereq k3s nfs exporter' 'a worker has the parts of a worker'
run -i well.yml -q status
is "$rc $out" '0 ' '-q has nothing to say of what is well'

# ---- nodes that fail, and one that cannot be reached
run status
is "$rc" 1 'something does not work: status 1'
like "$out" '^ho3 +worker +debian 12 +NotReady +v1.29.6\+k3s2 +- +unknown  no exporter answers on port 9102$' \
	'what is not known is said to be so'
like "$out" '^ho4 +worker +unreachable: .*Connection refused' 'an unreachable node has its line with the reason'
like "$out" '^  ho4: see whether this works: ssh -p [0-9]+ .*127.0.0.4 true$' 'and what to do'
like "$out" '^k3s +v1.30.2\+k3s1 on ho1, ho2; does not work on ho3$' 'a part tells where it works and where not'
like "$out" '^      the node is not Ready: KubeletNotReady: \?\[31mPLEG is not healthy$' 'the evidence, made safe'
like "$out" "^  exporter: 'powerstack verify exporter' tries it out and says more$" 'what says more of a part'
like "$out" '^249.1 W on 2 of 4 nodes,' 'the total tells of how many nodes it is'
is "$(grep -c $'\033' out)" 0 'no escape sequence where there is no terminal'
run --json status
is "$rc $(jq -c '[.failed, .unasked, (.nodes[3] | .reachable, .ready, .power, .parts)]' out)" '1 [2,1,false,null,null,[]]' \
	'--json of an unreachable node'
run -q status
is "$rc $(grep -cE '^(node|part) ' out) $(grep -cE '^  ho[34]( exporter| k3s)?: ' out)" '1 0 4' '-q shows failures, and no table'
run --limit ho2 status
is "$rc" 0 '--limit asks the named nodes only'
like "$out" '^disk +its nodes were not asked$' 'and says of which parts nothing is known then'
run --limit ho9 status
is "$rc" 2 'an unknown host: usage'
like "$err" "no host 'ho9'" 'and its name'
run status ho1
is "$rc" 2 'status takes no words'

# ---- on a terminal
screen() { tmux capture-pane -t "$session" -p; }
has() { screen | grep -Eq -- "$1"; }
until_screen() { # until_screen PATTERN
	wait_for 90 has "$1" || {
		screen
		return 1
	}
}
tmux -f /dev/null new-session -d -s "$session" -x 66 -y 40 "env HOME=$HOME bash --norc --noprofile"
tmux send-keys -t "$session" "PS1='prompt> '; clear" Enter
until_screen '^prompt> *$'
tmux send-keys -t "$session" "$ps --ssh-config /dev/null --timeout 10m status; echo status=\$?" Enter
run_ok 'on a terminal of 66 columns it ends' until_screen '^status=1'
like "$(screen)" '^node  cluster +k3s +draws  measured' 'what matters least has made room'
like "$(screen)" '^ho2   Ready +v1.30.2\+k3s1 +44.1 W  package, dram by$' 'the last column wraps'
like "$(screen)" '^ {38,}rapl-sysfs$' 'below itself'
tmux send-keys -t "$session" "clear; $ps --ssh-config /dev/null --timeout 10m -i mute.yml status; echo status=\$?" Enter
wait_for 90 test -e answers.hangs
run_ok 'while a node is asked, it has a line' until_screen '^ho5 +[0-9.]+s  asking'
run_ok 'one that has answered is done' until_screen '^ho1 +[0-9.]+s  done'
tmux send-keys -t "$session" C-c
run_ok 'Ctrl-C ends it with status 1' until_screen '^status=1'
like "$(screen)" '^interrupted: not every node was asked' 'and it says so'
like "$(screen)" '^ho1 +Ready' 'what was told before is shown'

done_testing
