#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=dash
# The first process of a node: finds the root file system by its label, whatever the order of
# the disks, and hands over to systemd. At a node's very first boot the initrd also holds
# /node, the files that make it that node; they are copied in here once.
# With lab.probe on the command line it only shows that this machine can run a kernel.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys

case $(cat /proc/cmdline) in
*lab.probe*)
	echo lab.probe: alive >/dev/ttyS0
	poweroff -f
	;;
esac

while read -r module; do
	insmod "/modules/$module"
done </modules/order

tries=0
until disk=$(findfs LABEL=psroot) && mount -t ext4 -o rw "$disk" /root; do
	tries=$((tries + 1))
	if [ "$tries" -gt 200 ]; then
		echo "lab: no file system with the label psroot" >/dev/console
		poweroff -f
	fi
	sleep 0.05
done

if [ -d /node ]; then
	cp -a /node/root/. /root/
	hash=$(cat /node/ops.hash)
	sed -i "s|^ops:[^:]*:|ops:$hash:|" /root/etc/shadow
	chown -R 1000:1000 /root/home/ops/.ssh
fi

umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /sbin/init
