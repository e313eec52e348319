#!/bin/bash
# dracut's view of the guest. Two images are made of it: the whole one, with Ignition and all that its
# stages call, and with GUEST_LATER=1 a small one that only finds and mounts root, because a boot
# loader reads through the BIOS, which takes an emulated CPU a second for each 5 MB.

# Reason: dracut sets the capital and lower case names that are used here.
# shellcheck disable=SC2154

check() {
    return 0
}

depends() {
    if [ -n "$GUEST_LATER" ]; then
        echo dash
    else
        echo dash systemd systemd-initrd systemd-udevd
    fi
}

installkernel() {
    instmods virtio_blk virtio_net virtio-rng
    [ -z "$GUEST_LATER" ] || return 0
    # Reason: disk, network and configuration of a machine under qemu, whatever bus it uses.
    instmods virtio_scsi qemu_fw_cfg sd_mod ahci nvme e1000 e1000e
    # Reason: what Ignition can be asked to make.
    instmods btrfs xfs vfat nls_ascii nls_cp437 nls_iso8859_1 nls_utf8 \
        dm_mod dm_crypt md_mod raid0 raid1 raid10 raid456 xts aesni_intel sha256 sha512
}

install() {
    local unit

    inst_script "$moddir/init" /usr/lib/guest/init
    inst_simple "$moddir/steps.sh" /usr/lib/guest/steps.sh
    ln -sfn usr/lib/guest/init "$initdir/init"
    inst_multiple cat chmod dash e2fsck grep ls mkdir modprobe mount mv readlink rm sed sleep sulogin \
        switch_root tr umount
    [ -z "$GUEST_LATER" ] || return 0

    inst_script "$moddir/stage" /usr/lib/guest/stage
    inst_script "$moddir/ignition-kargs-helper" /usr/sbin/ignition-kargs-helper
    for unit in ignition-disks.service ignition-files.service; do
        inst_simple "$moddir/$unit" "$systemdsystemunitdir/$unit"
        $SYSTEMCTL -q --root="$initdir" add-requires initrd.target "$unit" || exit 1
    done
    inst_simple "$moddir/emergency.service" "$systemdsystemunitdir/emergency.service"
    inst_simple "$moddir/emergency.target" "$systemdsystemunitdir/emergency.target"
    inst_simple "$moddir/90-boot-disk.rules" /usr/lib/udev/rules.d/90-boot-disk.rules
    inst_simple "$moddir/99-xx-empty-crypt.rules" /usr/lib/udev/rules.d/99-xx-empty-crypt.rules

    inst_multiple cp ln sync \
        blkid ignition lsblk mkfs.btrfs mkfs.ext4 mkfs.fat mkfs.xfs mkswap \
        partx resize2fs sfdisk sgdisk udevadm wipefs \
        cryptsetup dmsetup mdadm \
        groupadd groupdel groupmod useradd userdel usermod
    inst_multiple -o /etc/login.defs /etc/default/useradd /etc/nsswitch.conf \
        /etc/ssl/certs/ca-certificates.crt \
        /usr/lib/udev/rules.d/55-dm.rules /usr/lib/udev/rules.d/60-persistent-storage-dm.rules \
        /usr/lib/udev/rules.d/63-md-raid-arrays.rules /usr/lib/udev/rules.d/64-btrfs.rules \
        /usr/lib/udev/rules.d/64-btrfs-dm.rules /usr/lib/udev/rules.d/95-dm-notify.rules
    # Networking for remote resources; nothing starts it but stage.
    inst_multiple "$systemdutildir/systemd-networkd" "$systemdutildir/systemd-networkd-wait-online" \
        "$systemdsystemunitdir/systemd-networkd.service" "$systemdsystemunitdir/systemd-networkd.socket" \
        /usr/lib/systemd/network/80-wired.network /usr/lib/systemd/network/99-default.link \
        /usr/lib/udev/rules.d/80-net-setup-link.rules /usr/lib/tmpfiles.d/systemd-network.conf
    grep '^systemd-network:' /etc/passwd >>"$initdir/etc/passwd"
    grep '^systemd-network:' /etc/group >>"$initdir/etc/group"
    # Reason: glibc loads these by name, so no linker shows them.
    inst_libdir_file 'libnss_files.so*' 'libnss_dns.so*' 'libgcc_s.so*'
}
