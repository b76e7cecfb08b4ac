# What touches files: worker.sh and revert.sh are made of it. Whoever includes it sets n, a nonce of 24 characters
# that is among its arguments, and has pay, which prints what is to be written.
LC_ALL=C PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
unset CDPATH ENV; umask 077; set -f; IFS=' '
nl='
' t= z=- fa= nil=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
[ ! -e /sys/fs/selinux/enforce ] || { x=$(stat -c %C /) && case $x in *:*:*) z=%C;; esac; }
command -v getfattr && fa=1
cpa='-T --attributes-only --preserve=all' cpc='-T --preserve=all'
y=$(cp $cpa /./-/a /./-/b 2>&1); case $y in *'No such file'*) ;; *) cpa= cpc='-p';; esac
me=$(id -u)

untemp() { [ -z "$t" ] || rm -f "$t" || rmdir "$t"; t=; }
clean() { printf %s "$1" | tr -c ' -~' ' ' | cut -c 1-1000; }
try() { e=$("$@" 2>&1); }

# see PATH: s is "-" or "LINKS LABEL RAWMODE UID GID SIZE [SHA256]"; when it fails, the tool's words.
see() {
  s=$(stat -c "%h $z %f %u %g %s" "$1" 2>&1) || {
    case $s in *': No such file or directory'|*': Not a directory') s=-; k=-; return 0;; esac; return 1; }
  k=${s#* * }
  case $k in 8???' '*) sz=${k##* }; h=$( { sha256sum <"$1"; } 2>&1 ) || { s=$h; return 1; }
    h=${h%% *}; s="$s $h";; esac; }

# lock KEEP: one worker at a time writes; one that is abandoned finishes first. unlock gives it back.
lock() { e=$( ( : >>"$1/lock" ) 2>&1 ) || return
  exec 9>>"$1/lock"; i=0
  until flock -n 9; do i=$((i+1)); [ $i -le 20 ] || { st=73 e="another process of hcrun is writing"; return 1; }; sleep 1; done; }
unlock() { exec 9>&-; }

# enter DIR: goes there, by no symbolic link.
enter() { d=$1
  if ! cd -P "$d"; then try ls -d "$d/." && e="cannot enter the directory"; return 1; fi
  [ "$(pwd -P)" = "$d" ] || { st=79 e="the directory is reached through a symbolic link: it is $(pwd -P)"; return 1; }
  safe; }

# place DIR NAME HOW BEFORE AFTER MODE OWNER LABEL OLDMODE OLDOWNER: BEFORE and AFTER are patterns for what see finds.
# st is 0 when it was done, 75 when nothing has changed unless p says that it was begun, 77 when something else is
# there, 78 when it is not empty, 79 when it is refused for safety; e says why.
place() { f=./$2 how=$3 b=$4 a=$5 m=$6 o=$7 l=$8
  enter "$1" || return
  shift 8
  sweep; t=./.hcrun-$n-$$; untemp; t=./.hcrun-$n-$$
  see "$f" || { e=$s; return; }
  case $s in
  $a) [ "$s" = - ] || try sync "$f" || return; try sync . && st=0 e=already; return;;
  $b) ;;
  *) st=77 e=$s; return;; esac
  case $how$s in file-|file1' '*|copy1' '*|drop1' '*|dropany*) ;;
  file*|copy*|drop*) st=79 e="has other hard links"; return;; esac
  case $how in
  file|copy) write && fits && swap;;
  dir) try mkdir "$t" && dress "$t" && fits || return
    p=1; try mv -nT "$t" "$f" || return; [ ! -e "$t" ] || return; t=; try sync "$f";;
  meta) p=1; { [ "$o" = "$2" ] || try chown "$o" "$f"; } && try chmod "$m" "$f" && label "$f" && try sync "$f" ||
    { chown "$2" "$f"; chmod "$1" "$f"; false; };;
  rmdir) ( enter "${d%/}/${f#./}" && sweep ); p=1; try rmdir "$f" || { case $e in *'ot empty'*) st=78;; esac; false; };;
  drop|dropany) drop;;
  esac || return
  try sync . || return
  see "$f" && case $s in $a) st=0 e=done;; *) e="it was changed again at once";; esac; }
safe() { # nobody but root and us can rename what is on the way
  x= y=/; set --; IFS=/; for q in $d; do [ -z "$q" ] || { x=$x/$q; set -- "$@" "$x"; }; done; IFS=' '
  e=$(stat -c '%u %A %n' / "$@" 2>&1) || return
  IFS=$nl; for q in $e; do IFS=' '; case $q in
    "0 "????????w[!tT]*|"$me "????????w[!tT]*) st=79 e="everybody can write a directory on the way: $q"; return 1;;
    "0 "d*|"$me "d*) ;;
    *) st=79 e="a directory on the way belongs to somebody else: $q"; return 1;; esac; done; IFS=' '; }
label() { [ "$l" = - ] || try chcon "$l" "$1"; }
dress() { try chown "$o" "$1" && try chmod "$m" "$1" && label "$1"; }
seen() { x=$(ls -ld "$1"); x=${x%% *}; x=${x#??????????} # "+" is an ACL
  [ -z "$fa" ] || x=$x$(getfattr -d -m - -e hex "$1" | grep -v '^# file'); }
# pour FILE: what comes in goes there; when that fails the rest is swallowed, so that whoever sends stays in step. Nobody
# who waits for a payload keeps the lock (9): its worker may be ended, and the lock has to be free then.
pour() { ( cat >"$1" ) 2>&1; x=$?; cat >/dev/null; return $x; }
write() { # the temp file, complete except for its sync
  e=$( ( set -C; : >"$t" ) 2>&1 ) || return
  if [ "$s" != - ]; then
    if [ $how = copy ]; then try cp $cpc "$f" "$t"; else [ -z "$cpa" ] || try cp $cpa "$f" "$t"; fi || return
    seen "$f"; y=$x; seen "$t"
    case $y in "$x") ;; *) e="has an ACL or attributes that this node's tools cannot keep"; return 1;; esac
    case $y in *security.capability*) e="has file capabilities, which a replacement would lose"; return 1;; esac
  fi
  if [ "$plen" != 0 ]; then
    try chmod 600 "$t" || return
    e=$(exec 9>&-; pay | pour "$t"); x=$?; plen=0
    [ $x = 0 ] || return
  fi
  dress "$t"; }
fits() { # the temp is durable and right, and what is replaced is still what was expected
  see "$t" || { e=$s; return 1; }
  case $s in $a) ;; *) e="what was written is not what was sent: $s"; return 1;; esac
  try sync "$t" || return
  see "$f" || { e=$s; return 1; }
  case $s in $b) ;; *) st=77 e=$s; return 1;; esac; }
swap() { p=1
  if [ "$s" = - ]; then try ln -T "$t" "$f" && try rm -f "$t"; else try mv -fT "$t" "$f"; fi && t=; }
drop() { # set aside under a name that carries its hash, checked, removed
  case $how$s in dropany*" 0 $nil"|drop[!a]*) ;; *) st=78; return 1;; esac
  g=./.hcrun-$n-$$-$h; p=1; try mv -nT "$f" "$g" || return
  see "$g" && case $s in $b) case $how$s in dropany*" 0 $nil"|drop[!a]*) try rm -f "$g" && return;; *) e=filled;; esac;;
  *) e="it changed while it was being removed";; esac
  ln -T "$g" "$f" && rm -f "$g"; [ "$e" != filled ] || st=78; return 1; }
sweep() { # temps of workers that are provably dead: no such process with that nonce in its arguments
  [ -r /proc/$$/cmdline ] || return 0
  set +f; for q in .hcrun-*; do
    case $q in *[!a-z0-9.-]*) continue;; esac
    [ -L "$q" ] && continue
    q=${q#.hcrun-}; i=${q%%-*} x=${q#*-} q=./.hcrun-$q; r=${x%%-*}
    [ ${#i} = 24 ] && [ "$i" != "$n" ] || continue
    case $r in ''|*[!0-9]*) continue;; esac
    grep -qs "$i" "/proc/$r/cmdline" && continue
    case $x in *-*) see "$q" && [ "${s##* }" = "${x#*-}" ] && rm -f "$q";; *) rm -f "$q" || rmdir "$q";; esac
  done; set -f; }
