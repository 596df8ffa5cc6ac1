# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2054 # read by lab; QEMU writes lists with commas
# machine.sh, sourced by lab: what a node is made of. The cache key of the booted snapshot is
# the hash of this file, among others: a snapshot fits only the machine that it was taken of.

nodes=(ho1 ho2 ho3)

# name  address on the private network  MiB  spare disks (bus:serial:size)
node_table='
ho1 192.168.0.104 1280 virtio:PSDATA0001:8G virtio:PSDATA0002:320M scsi:PSSCSI0001:320M nvme:PSNVME0001:320M
ho2 192.168.0.105 1024 virtio:PSDATA0003:2G
ho3 192.168.0.106 1024 virtio:PSDATA0004:2G
'

node_row() { awk -v n="$1" '$1 == n' <<<"$node_table"; }
node_address() { node_row "$1" | awk '{ print $2 }'; }
node_memory() { node_row "$1" | awk '{ print $3 }'; }
node_disks() { node_row "$1" | cut -d' ' -f4-; }

# The kernel's command line. An emulator keeps translated code by its address: with random
# addresses every process is translated anew, which makes starting one five times slower. The
# mitigations are dear there too, and in a node of a lab nobody is to be protected.
kernel_line='root=LABEL=psroot rw console=ttyS0 net.ifnames=0 quiet loglevel=4 mitigations=off
	audit=0 nowatchdog no_timer_check norandmaps 8250.nr_uarts=1 panic=-1'

# accel_args ACCEL: fills ACCEL_ARGS.
accel_args() {
	case $1 in
	kvm) ACCEL_ARGS=(-accel kvm -cpu max) ;;
	tcg) ACCEL_ARGS=(-accel tcg,thread=multi,tb-size=512 -cpu max,-smap,-smep,-la57,-pku,-umip) ;;
	*) die "no accelerator is called '$1'" ;;
	esac
}

# machine_args NODE ACCEL START: fills ARGS with QEMU's arguments. START is "boot" for a machine
# that begins at the firmware, "snapshot" for one that continues a snapshot, which cannot hold
# an nvme disk: that is plugged in afterwards (see plug_nvme). Paths are relative: QEMU runs in
# the lab's run directory.
machine_args() {
	local node=$1 accel=$2 start=$3 number=${1#ho} disk bus serial slot=6
	accel_args "$accel"
	ARGS=(
		"${ACCEL_ARGS[@]}" -name "powerstack-lab-$node" -machine pc,usb=off,hpet=off,vmport=off
		-smp 1 -m "$(node_memory "$node")" -nodefaults -no-user-config -display none -rtc base=utc
		-chardev "file,id=console,path=$node.console,append=on" -serial chardev:console
		-chardev "socket,id=control,path=$node.qmp,server=on,wait=off"
		-mon chardev=control,mode=control
		-device virtio-rng-pci,addr=0x2
		-device "virtio-net-pci,netdev=management,romfile=,mac=52:54:00:50:53:0$number,addr=0x3"
		-netdev "stream,id=private,server=off,addr.type=unix,addr.path=$node.lan"
		-device "virtio-net-pci,netdev=private,romfile=,mac=52:54:00:50:4c:0$number,addr=0x4"
		-drive "if=none,id=root,file=$node.root.qcow2,format=qcow2,cache=unsafe,discard=unmap"
		-device virtio-blk-pci,drive=root,serial=PSROOT,addr=0x5
	)
	for disk in $(node_disks "$node"); do
		IFS=: read -r bus serial _ <<<"$disk"
		if [ "$bus" != nvme ]; then
			ARGS+=(-drive "if=none,id=$serial,file=$node.$serial.qcow2,format=qcow2,cache=unsafe,discard=unmap")
		fi
		case $bus in
		virtio) ARGS+=(-device "virtio-blk-pci,drive=$serial,serial=$serial,addr=$slot") ;;
		scsi) ARGS+=(-device "virtio-scsi-pci,id=scsi,addr=$slot"
			-device "scsi-hd,bus=scsi.0,drive=$serial,serial=$serial") ;;
		nvme) [ "$start" = snapshot ] ||
			ARGS+=(-drive "$(nvme_drive "$node" "$serial")" -device "$(nvme_device "$serial" "$slot")") ;;
		esac
		slot=$((slot + 1))
	done
}

nvme_drive() { echo "if=none,id=$2,file=$1.$2.qcow2,format=qcow2,cache=unsafe,discard=unmap"; }
nvme_device() { echo "nvme,drive=$1,serial=$1,addr=$2"; }

# switch_args: fills ARGS for the process that is the private network: a hub with one Unix
# socket per node, so that no frame leaves the lab and any node may come and go.
switch_args() {
	local node
	ARGS=(-name powerstack-lab-switch -machine none -nodefaults -no-user-config -display none -monitor none)
	for node in "${nodes[@]}"; do
		ARGS+=(-netdev "stream,id=$node,server=on,addr.type=unix,addr.path=$node.lan"
			-netdev "hubport,id=port-$node,hubid=0,netdev=$node")
	done
}
