#!/bin/sh
# Becomes PID 1 of a machine: puts its file tree together, moves into it and leaves the host's behind.
# usage: machine_boot.sh BASE TREE NAME; stdout is where the init says that the machine is ready
set -eu
base=$1 tree=$2 name=$3 root=$2/root

mount -t overlay -o "lowerdir=$base,upperdir=$tree/upper,workdir=$tree/work" overlay "$root"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs "$root/run"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o nosuid,noexec,mode=0755 tmpfs "$root/dev"

for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,nosuid,noexec,mode=0620,ptmxmode=0666,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do
    ln -s "/proc/self/fd/${stream%:*}" "$root/dev/${stream#*:}"
done

echo "$name" >/proc/sys/kernel/hostname
# These hold the one kernel's settings, not the machine's.
for part in sys/kernel sys/vm sys/fs sysrq-trigger; do
    if [ -e "$root/proc/$part" ]; then
        mount --bind -o ro "$root/proc/$part" "$root/proc/$part"
    fi
done
mkdir "$root/run/host"
cd "$root"
pivot_root . run/host
# Root in a machine is root of this kernel: without these it cannot stop it, change its clock or its modules.
# shellcheck disable=SC2093  # PID 1 changes its program on purpose
exec chroot . /bin/sh -euc '
umount -l /run/host
rmdir /run/host
exec setpriv --bounding-set=-sys_module,-sys_boot,-sys_time,-sys_rawio \
    /usr/bin/python3 -I /usr/local/lib/lab/machine_init.py'
