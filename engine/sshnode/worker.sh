{ # One brace group: no shell runs any of it before all of it has arrived. worker.go has the protocol.
n=$1 nl='
'
exec 3<&0 4>&1 </dev/null >/dev/null 2>&1
LC_ALL=C PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH
unset CDPATH ENV; umask 077; set -f; IFS=' '
seq=0 t= job= lease= z=- fa=
nil=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

say() { printf '@%s %s %s %s %s\n' "$n" "$seq" "$1" "$2" "$3" >&4; }
bye() { trap '' HUP INT TERM PIPE; untemp; disarm; exit 0; }
trap bye HUP INT TERM PIPE
untemp() { [ -z "$t" ] || rm -f "$t" || rmdir "$t"; t=; }
# The worker ends when nothing has come for that many seconds: a half-open link never says that it ended.
# Only KILL ends a lease for sure: a trapped signal that comes while the shell forks is lost with the traps.
arm() { ( exec 3<&- 4>&-; i=0
  while sleep 1; do kill -0 $$ || exit; i=$((i+1)); [ $i -lt "$1" ] || break; done
  lives && kill $$; sleep 2; lives && kill -KILL $$ ) & lease=$!; }
disarm() { [ -z "$lease" ] || kill -KILL "$lease"; lease=; }
# The process with this pid is the worker, and not another one that was given the pid after it.
lives() { [ ! -r /proc/self/cmdline ] || grep -q "$n" /proc/$$/cmdline; }
part() { dd bs=65536 count="$1" iflag=fullblock,count_bytes; }
cap() { part "$1"; cat >/dev/null; }
# A payload that cannot be taken must end the worker: what is left of it would be read as requests.
pay() { part "$plen" <&3 || kill $$; }
rest() { [ "$plen" = 0 ] || pay; plen=0; }
clean() { printf %s "$1" | tr -c ' -~' ' ' | cut -c 1-1000; }
try() { e=$("$@" 2>&1); }

# see PATH: s is "-" or "LINKS LABEL RAWMODE UID GID SIZE [SHA256]"; when it fails, the tool's words.
see() {
  s=$(stat -c "%h $z %f %u %g %s" "$1" 2>&1) || {
    case $s in *': No such file or directory'|*': Not a directory') s=-; k=-; return 0;; esac; return 1; }
  k=${s#* * }
  case $k in 8???' '*) sz=${k##* }; h=$( { sha256sum <"$1"; } 2>&1 ) || { s=$h; return 1; }
    h=${h%% *}; s="$s $h";; esac; }

# look BUDGET PATH...: one record for each, with contents as long as the budget lasts.
look() { b=$1; shift
  for f; do x=
    see "$f" || { say 75 0 "$(clean "$s")"; continue; }
    case $k in
    8*) [ "$sz" -le "$b" ] || sz=0; b=$((b-sz)); say 0 "$sz" "$s"
      [ "$sz" = 0 ] || { cat "$f"; exec yes; } | part "$sz" >&4 || bye; continue;;
    4*) x=$(names "$f") || { say 75 0 "$(clean "cannot list $f")"; continue; };;
    a*) x=$(readlink -n "$f"; echo /); x=${x%/};;
    esac
    o=0; [ -z "$x" ] || o=$(printf %s "$x" | wc -c)
    say 0 $((o)) "$s"; printf %s "$x" >&4
  done; }
names() { cd "$1" || exit 1; set +f; i=0
  for q in .[!.]* ..?* *; do
    [ -e "./$q" ] || [ -L "./$q" ] || continue
    i=$((i+1)); [ $i -le 1000 ] || break; printf %s/ "$q"
  done; }

# run ARGV...: stdout goes out as base64 lines while it comes, so no command can forge a record; the
# record behind it has stderr as base64 and @STATUS@. It runs in the background: the main loop is
# blocked in read, sees the end of the connection, ends, and the watcher kills the command's session.
run() { ( trap - HUP INT TERM PIPE; exec 3<&-
  x=$( { { {
      setsid "$@" 2>&5 4>&- 5>&- 6>&- & p=$!
      ( i=0; while sleep 1 6>&-; i=$((i+1)); [ $i -lt "$tmo" ] && kill -0 $$; do :; done
        [ $i -lt "$tmo" ] || echo @timeout@ >&6
        kill -TERM -$p; sleep 1 6>&-; kill -KILL -$p ) >/dev/null 4>&- 5>&- & w=$!
      wait $p; r=$?; kill $w; kill -KILL -$p; echo "@$r@" >&6
    } | cap "$omax" | base64 >&4; } 5>&1 | cap 4096 | base64; } 6>&1 )
  IFS=$nl; set -- $x; IFS=' '; say 0 0 "$*" ) & job=$!; }

# The node's own record is a folder, KEEP: who may write on the node (claim: a token, and below it who that
# is), and what came of it (ledger). Statuses beside those of put: 73 another worker is at work, 74 the claim
# is another one; then its text follows.

# keep KEEP: goes into that folder, which nobody else can read or write, and takes its lock.
keep() { d=$1
  [ -d "$d" ] || try mkdir -m 0700 "$d" && try sync "${d%/*}/" || return
  if ! cd -P "$d"; then try ls -d "$d/." && e="cannot enter the directory"; return 1; fi
  [ "$(pwd -P)" = "$d" ] || { st=79 e="the directory is reached through a symbolic link: it is $(pwd -P)"; return 1; }
  safe || return
  x=$(stat -c '%u %a' .); [ "$x" = "$me 700" ] || { st=79 e="must be a directory of mode 0700 that belongs to $me; it is $x"; return 1; }
  lock "$d" && sweep; }
# lock KEEP: one worker at a time writes; one that is abandoned finishes first. unlock gives it back.
lock() { e=$( ( : >>"$1/lock" ) 2>&1 ) || return
  exec 9>>"$1/lock"; i=0
  until flock -n 9; do i=$((i+1)); [ $i -le 20 ] || { st=73 e="another process of hcrun is writing"; return 1; }; sleep 1; done; }
unlock() { exec 9>&-; }
# ours KEEP TOKEN: the claim has that token; "-" is none.
ours() { x=-; [ ! -e "$1/claim" ] || IFS= read -r x <"$1/claim"; [ "$x" = "$2" ] || { st=74 e=; return 1; }; }
# theirs KEEP: answers with the claim that is there instead.
theirs() { x=; [ ! -e "$1/claim" ] || x=$(cut -c 1-4000 "$1/claim" | { IFS= read -r x; echo "$x"; cat; })
  o=$(printf %s "$x" | wc -c); say 74 $((o)) -; printf %s "$x" >&4; }
# claim KEEP TOKEN OVER, with the text: replaces the claim OVER. release KEEP TOKEN: gives it up; what was sent
# is a line of the ledger before.
claim() { st=75 e= t=
  if keep "$1" && ours . "$3"; then
    t=./.hcrun-$n-$$ want=$((${#2}+1+plen))
    { echo "$2" && pay; } >"$t" && plen=0 && whole $want && try sync "$t" && try mv -fT "$t" claim && t= &&
      try sync . && ours . "$2" && st=0 e=done; fi
  over "$1"; }
release() { st=75 e= t=
  if keep "$1" && ours . "$2" && { [ "$plen" = 0 ] || note; }; then try rm -f claim && try sync . && st=0 e=done; fi
  over "$1"; }
note() { t=./.hcrun-$n-$$ want=$plen
  if [ -e ledger ]; then want=$(wc -c <ledger) && want=$((want+plen)) || return; fi
  { { [ ! -e ledger ] || cat ledger; } && pay; } >"$t" && plen=0 && whole $want && try sync "$t" && try mv -fT "$t" ledger && t=; }
# whole BYTES: the temp has that many. A payload ends early when the connection does.
whole() { x=$(wc -c <"$t"); [ $((x)) = "$1" ] || { e="$((x)) bytes were written, and not $1"; return 1; }; }
over() { rest; untemp; unlock; cd /
  if [ $st = 74 ]; then theirs "$1"; else say $st 0 "$(clean "$e")"; fi; }

# put KEEP TOKEN DIR NAME HOW BEFORE AFTER MODE OWNER LABEL OLDMODE OLDOWNER: BEFORE and AFTER are patterns for
# what see finds. Statuses: 0 done, 75 nothing has changed, 76 unknown, 77 something else is there,
# 78 not empty, 79 refused for safety.
put() { st=75 e= p= t= kept=$1 tok=$2; shift 2
  if lock "$kept" && ours "$kept" "$tok"; then place "$@"; fi
  rest; untemp
  if [ $st = 75 ] && [ -n "$p" ]; then # what is there now tells what the failed step did
    st=76; see "$f" && case $s in $b) st=75;; $a) ;; *) st=77 e=$s;; esac; fi
  over "$kept"; }
place() { d=$1 f=./$2 how=$3 b=$4 a=$5 m=$6 o=$7 l=$8; shift 8
  if ! cd -P "$d"; then try ls -d "$d/." && e="cannot enter the directory"; return; fi
  [ "$(pwd -P)" = "$d" ] || { st=79 e="the directory is reached through a symbolic link: it is $(pwd -P)"; return; }
  safe || return
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
  rmdir) p=1; try rmdir "$f" || { case $e in *'ot empty'*) st=78;; esac; false; };;
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
    e=$(pay | ( ( cat >"$t" ) 2>&1; r=$?; cat >/dev/null; exit $r )); r=$?; plen=0
    [ $r = 0 ] || return
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

lacks() { say 70 0 "$1"; exit 0; }
for x in base64 cat chmod chown cp cut dd flock grep id ln ls mkdir mv printf readlink rm rmdir setsid sha256sum sleep stat sync tr wc yes; do
  command -v $x || lacks $x; done
x=$(printf abcdef | { part 3 >/dev/null; cat; }); [ "$x" = def ] || lacks 'dd with iflag=fullblock,count_bytes'
x=$(sha256sum </dev/null); [ "${x%% *}" = $nil ] || lacks 'a right sha256sum'
x=$(printf '\000\377' | base64); [ "$x" = AP8= ] || lacks 'a right base64'
x=$(stat -c '%h %f %u %g %s' /); case $x in *' 4'???' '*' '*' '*) ;; *) lacks 'stat -c';; esac
for x in 'mv -fT' 'mv -nT' 'ln -T' sync; do # each must get as far as not finding these
  y=$($x /./-/a /./-/b 2>&1); case $y in *'No such file'*) ;; *) lacks "$x";; esac; done
[ ! -e /sys/fs/selinux/enforce ] || { x=$(stat -c %C /) && case $x in *:*:*) z=%C;; esac; }
command -v getfattr && fa=1
cpa='-T --attributes-only --preserve=all' cpc='-T --preserve=all'
y=$(cp $cpa /./-/a /./-/b 2>&1); case $y in *'No such file'*) ;; *) cpa= cpc='-p';; esac
me=$(id -u); printf '\n' >&4; say 0 0 "hello 1 $me $z"
arm 60
while read -r seq verb tmo plen omax <&3 && IFS= read -r args <&3; do
  if [ -n "$job" ]; then wait "$job"; job=; fi
  case $seq$tmo$plen$omax in *[!0-9]*|'') seq=0; say 71 0 frame; bye;; esac
  disarm
  eval "set -- $args"
  case $verb in
  ping) say 0 0 pong;;
  look) look "$@";;
  run) run "$@";;
  put) put "$@";;
  claim) claim "$@";;
  release) release "$@";;
  bye) say 0 0 bye; bye;;
  *) say 71 0 verb; bye;; esac
  arm $((60+tmo))
done
bye
}
