#!/usr/bin/env bash
# Runs a command of ./run in a bare Debian tree that has nothing of ours: what a stranger's machine would do.
#
# usage (as root): tools/bare_tree.sh SUITE WHO COMMAND...
#   SUITE    bookworm or trixie
#   WHO      root, or user (an unprivileged user with sudo)
#   COMMAND  for example: ./run test
#
# Trees are made once by debootstrap below $MUSTER_TREES (default /var/tmp/muster-trees); each run works on an overlay that is
# thrown away; with MUSTER_BARE_CCACHE=DIR it begins with a copy of that compiler cache (only for a quicker second look: the first
# one at a change should have none). The clone is of HEAD (uncommitted changes do not count), with ../shared beside it when there is one.
set -euo pipefail
suite=$1 who=$2
shift 2
source_dir=$(cd "$(dirname "$0")/.." && pwd)
trees=${MUSTER_TREES:-/var/tmp/muster-trees}
[ "$(id -u)" -eq 0 ] || { echo "bare_tree.sh: needs root (chroot, mounts)" >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y -q debootstrap >/dev/null

mkdir -p "$trees"
if [ ! -e "$trees/$suite.done" ]; then
  rm -rf "${trees:?}/$suite"
  debootstrap --variant=minbase "$suite" "$trees/$suite" http://deb.debian.org/debian >"$trees/$suite.log" 2>&1 ||
    { tail -5 "$trees/$suite.log" >&2; exit 1; }
  touch "$trees/$suite.done"
fi

work=$(mktemp -d "$trees/run.XXXXXX")
export suite who source_dir trees work
# A private mount namespace: whatever happens, no mount stays behind.
unshare --mount --fork bash -s "$@" <<'INNER' && status=0 || status=$?
set -euo pipefail
mount --make-rprivate /
mkdir "$work/all"
mount -t tmpfs -o size=16g tmpfs "$work/all"
mkdir "$work/all"/{upper,scratch,root}
root=$work/all/root
mount -t overlay overlay -o "lowerdir=$trees/$suite,upperdir=$work/all/upper,workdir=$work/all/scratch" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
home=/root
if [ "$who" = user ]; then
  chroot "$root" apt-get update -q >/dev/null
  chroot "$root" apt-get install -y -q --no-install-recommends sudo >/dev/null 2>&1
  chroot "$root" useradd --create-home --shell /bin/bash guest
  echo 'guest ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/guest"
  rm -rf "$root"/var/lib/apt/lists/*
  home=/home/guest
fi
mkdir -p "$root$home/work"
git clone -q "$source_dir" "$root$home/work/muster"
if [ -d "$source_dir/../shared" ]; then
  mkdir "$root$home/work/shared"
  mount --bind -o ro "$(readlink -f "$source_dir/../shared")" "$root$home/work/shared"
fi
if [ -n "${MUSTER_BARE_CCACHE:-}" ]; then
  mkdir -p "$root$home/.cache"
  cp -a "$MUSTER_BARE_CCACHE" "$root$home/.cache/ccache"
  [ "$who" = root ] || chroot "$root" chown -R guest:guest "$home/.cache"
fi
[ "$who" = user ] && chroot "$root" chown -R guest:guest "$home/work/muster"
printf -v command '%q ' "$@"
script="cd $home/work/muster && $command"
if [ "$who" = user ]; then
  exec chroot "$root" su - guest -c "$script"
else
  exec chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "$script"
fi
INNER
rm -rf "$work"
exit "$status"
