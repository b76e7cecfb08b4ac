{ # One brace group: no shell runs any of it before all of it has arrived. worker.go has the protocol.
n=$1
exec 3<&0 4>&1 </dev/null >/dev/null 2>&1
#files#
seq=0 job= lease=

say() { printf '@%s %s %s %s %s\n' "$n" "$seq" "$1" "$2" "$3" >&4; }
bye() { trap '' HUP INT TERM PIPE; untemp; unlease; exit 0; }
trap bye HUP INT TERM PIPE
# The worker ends when nothing has come for that many seconds: a half-open link never says that it ended.
# Only KILL ends a lease for sure: a trapped signal that comes while the shell forks is lost with the traps.
lease() { unlease; ( exec 3<&- 4>&- 9>&-; i=0
  while sleep 1; do kill -0 $$ || exit; i=$((i+1)); [ $i -lt "$1" ] || break; done
  lives && kill $$; sleep 2; lives && kill -KILL $$ ) & lease=$!; }
unlease() { [ -z "$lease" ] || kill -KILL "$lease"; lease=; }
# The process with this pid is the worker, and not another one that was given the pid after it.
lives() { [ ! -r /proc/self/cmdline ] || grep -q "$n" /proc/$$/cmdline; }
part() { dd bs=65536 count="$1" iflag=fullblock,count_bytes; }
cap() { part "$1"; cat >/dev/null; }
# A payload that cannot be taken must end the worker: what is left of it would be read as requests.
pay() { part "$plen" <&3 9>&- || kill $$; }
rest() { [ "$plen" = 0 ] || pay; plen=0; }

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
  enter "$d" || return
  x=$(stat -c '%u %a' .); [ "$x" = "$me 700" ] || { st=79 e="must be a directory of mode 0700 that belongs to $me; it is $x"; return 1; }
  lock "$d" && sweep; }
# ours KEEP TOKEN: the claim has that token; "-" is none.
ours() { x=-; [ ! -e "$1/claim" ] || IFS= read -r x <"$1/claim"; [ "$x" = "$2" ] || { st=74 e=; return 1; }; }
# theirs KEEP: answers with the claim that is there instead.
theirs() { x=; [ ! -e "$1/claim" ] || x=$(cut -c 1-4000 "$1/claim" | { IFS= read -r x; echo "$x"; cat; })
  o=$(printf %s "$x" | wc -c); say 74 $((o)) -; printf %s "$x" >&4; }
# claim KEEP TOKEN OVER RUN, with the text: replaces the claim OVER; no switch but that of the run fires from then
# on ("-": who only makes a note leaves them alone). release KEEP TOKEN RUN HOW: confirms the switch of the run and gives the claim up; what was sent is a line of
# the ledger before, and what dead workers have left where the run writes is gone. HOW is what becomes of the copies:
# "landed" (those of earlier runs go), "kept", "gone", or "void": gone unless they were there before this claim.
claim() { st=75 e= t=
  if keep "$1" && ours . "$3"; then
    t=./.hcrun-$n-$$ want=$((${#2}+1+plen))
    e=$(exec 9>&-; { echo "$2"; pay; } | pour "$t"); x=$?; plen=0
    [ $x = 0 ] && whole $want && try sync "$t" && try mv -fT "$t" claim && t= &&
      try sync . && ours . "$2" && { [ "$4" = - ] || others "$4"; } && st=0 e=done; fi
  over "$1"; }
release() { st=75 e= t=
  if keep "$1" && ours . "$2" && confirm "$3" "$4" && { [ "$plen" = 0 ] || note; } &&
    { /bin/sh "undo/$3/revert.sh" sweep 3<&- 4>&-; forget "$3" "$4"; }; then
    try rm -f claim && try sync . && st=0 e=done; fi
  over "$1"; }
note() { t=./.hcrun-$n-$$ want=$plen
  if [ -e ledger ]; then want=$(wc -c <ledger) && want=$((want+plen)) || return; fi
  e=$(exec 9>&-; { [ ! -e ledger ] || cat ledger; pay; } | pour "$t"); x=$?; plen=0
  [ $x = 0 ] && whole $want && try sync "$t" && try mv -fT "$t" ledger && t=; }
# whole BYTES: the temp has that many. A payload ends early when the connection does.
whole() { x=$(wc -c <"$t"); [ $((x)) = "$1" ] || { e="$((x)) bytes were written, and not $1"; return 1; }; }
over() { rest; untemp; unlock; cd /
  if [ $st = 74 ]; then theirs "$1"; else say $st 0 "$(clean "$e")"; fi; }

# execute KEEP TOKEN ARGV...: runs a command for whoever holds the claim, under the lock and in the foreground: it goes on
# to its end, or its limit, also when the connection ends, and another worker waits for it. It answers with status 80 and
# "STATUS OUTPUT" where that is not 0. Whatever it leaves behind goes on writing to a reader, and holds nobody up.
execute() { st=75 e= t= k=$1 tok=$2; shift 2
  if keep "$k" && ours . "$tok" && try rm -f said saw && try mkfifo -m 0600 said; then
    ( trap - HUP INT TERM PIPE; exec 3<&- 4>&- 9>&-; exec tail -c 900 <said >saw ) & g=$!
    y=0 x=0; read -r y z0 </proc/uptime
    ( trap - HUP INT TERM PIPE; exec 3<&- 4>&- 9>&- >said 2>&1; cd /; umask 022; exec setsid "$@" ) & p=$!
    ( exec 3<&- 4>&- 9>&-; i=0; while sleep 1; do i=$((i+1)); [ $i -lt "$tmo" ] || break; done
      kill -TERM -$p; sleep 1; kill -KILL -$p ) & w=$!
    wait $p; r=$?; kill -KILL $w -$p
    i=0; while [ $i -lt 10 ] && kill -0 $g; do i=$((i+1)); sleep 0.1 || sleep 1; done
    read -r x z0 </proc/uptime
    st=0 e=done; [ $r = 0 ] || { st=80; x=$((${x%%.*}-${y%%.*})); [ "$x" -lt "$tmo" ] || r=late; e="$r $(cat saw)"; }
    rm -f said saw; p=
  fi
  over "$k"; }

# The switch of a run is a folder, KEEP/undo/RUN: revert.sh, which waits and then puts back what the run changes, the
# copies that it needs, and the uptime in seconds at which it does. decision is a second name of confirmed or of
# fired, and whoever makes it has decided.
units=/etc/systemd/system

# confirm RUN HOW: the switch of the run does not fire any more. One that has fired lets no run land.
confirm() { had=; [ -d "undo/$1" ] || return 0
  [ ! -e "undo/$1/decision" ] || had=1
  [ -e "undo/$1/decision" ] || { try ln "undo/$1/confirmed" "undo/$1/decision" && try sync "undo/$1"; } || return
  IFS= read -r x <"undo/$1/decision"
  [ "$x" != confirmed ] || nounit "$1" # one that fires and was interrupted goes on at the next boot
  [ "$x" = confirmed ] || [ "$2" != landed ] || { st=74 e=; return 1; }; }
nounit() { rm -f "$units/basic.target.wants/hcrun-undo-$1.service" "$units/hcrun-undo-$1.service"; }
others() { set +f; for q in undo/*; do
    q=${q#undo/}; [ "$q" = "$1" ] || [ ! -d "undo/$q" ] || confirm "$q" kept || { set -f; return 1; }; done; set -f; }
forget() { case $2 in
  void) [ -n "$had" ] || forget "$1" gone;; # what was decided before is of a run that had ended
  gone) nounit "$1"; try rm -rf "undo/$1";;
  landed) set +f; for q in undo/* undo/.new; do [ "$q" = "undo/$1" ] || rm -rf "$q"; done; set -f;; esac; }

# arm KEEP TOKEN RUN SECONDS WEAK and, three words each, "free PATH -", "room DIR BYTES" or "N PATH PATTERN" for
# a copy; with revert.sh. WEAK is "weak" where a machine without systemd will do. Answers "strong" or "weak".
arm() { st=75 e= t= g= new= k=$1 u=$1/undo tok=$2 run=$3 secs=$4 weak=$5 r=$1/undo/$3; shift 5
  if keep "$k" && ours . "$tok" && { [ -d "$r" ] || copies "$@"; } && again && putoff && await; then st=0 e=$g
  elif [ -n "$new" ]; then nounit "$run"; rm -rf "$r" "$u/.new"; fi
  over "$k"; }
copies() { q=$u/.new; rm -rf "$q"; { [ -d "$u" ] || { try mkdir -m 0700 "$u" && try sync .; }; } && try mkdir -m 0700 "$q" || return
  new=1; while [ $# -gt 0 ]; do
    case $1 in free) free "$2";; room) room "$2" "$3";; *) copy "$@";; esac || return
    shift 3; done
  want=$plen t=$q/revert.sh; e=$(exec 9>&-; pay | pour "$t"); x=$?; plen=0
  [ $x = 0 ] && whole $want && t= &&
    e=$( { echo confirmed >"$q/confirmed" && echo fired >"$q/fired" && cat /proc/sys/kernel/random/boot_id >"$q/boot"; } 2>&1 ) &&
    try sync "$q/revert.sh" "$q/confirmed" "$q/fired" "$q/boot" "$q" && try mv -nT "$q" "$r" && [ ! -e "$q" ] && try sync "$u"; }
# free PATH: no attribute of it keeps everybody from changing it, as far as the node can tell.
free() { x=$(lsattr -d "$1"); x=${x%% *}; case $x in
  *[!A-Za-z-]*) ;;
  *i*) e="$1 is immutable (attribute i, see lsattr)"; return 1;;
  *a*) e="$1 is append-only (attribute a, see lsattr)"; return 1;; esac; }
# room DIR BYTES: what is to be written fits there, as far as the node can tell.
room() { y=$1; while [ ! -d "$y" ]; do y=${y%/*}; y=${y:-/}; done
  x=$(stat -f -c '%a %S %c %d' "$y") && case $x in *[!0-9\ ]*) ;; *)
    set -- "$2" $x
    [ $(($2*$3)) -gt $(($1+65536)) ] || { e="$y: $(($2*$3)) bytes are free, $1 are to be written: No space left on device"; return 1; }
    [ "$4" = 0 ] || [ "$5" -gt 8 ] || { e="$y: $5 inodes are free: No space left on device"; return 1; };; esac; :; }
copy() { see "$2" || { e=$s; return 1; }
  case $s in $3) ;; *) st=77 e="$2 is not what the plan saw: $s"; return 1;; esac
  x=${s##* }; try cp $cpc "$2" "$q/$1" && try sync "$q/$1" || return
  see "$q/$1" && [ "${s##* }" = "$x" ] || { e="the copy of $2 is not like it: $s"; return 1; }; }
again() { [ -e "$r/decision" ] || return 0
  IFS= read -r x <"$r/decision"; [ "$x" = confirmed ] || { st=79 e="the switch of this run has fired"; return 1; }
  try rm -f "$r/reverted" && try rm -f "$r/decision" && try sync "$r"; }
putoff() { read -r x y </proc/uptime || { e="cannot read /proc/uptime"; return 1; }
  e=$( { echo $((${x%%.*}+1+secs)) >"$r/.deadline"; } 2>&1 ) && try sync "$r/.deadline" &&
    try mv -fT "$r/.deadline" "$r/deadline" && try sync "$r"; }
# await: revert.sh waits, and would survive this connection; with systemd also a reboot.
await() { g=weak; [ ! -d /run/systemd/system ] || g=strong
  [ $g = strong ] || [ "$weak" = weak ] || { e="there is no systemd, so a switch would not survive a reboot"; return 1; }
  [ $g = weak ] || unit || return
  waits && return
  rm -f "$r/waits"
  if [ $g = weak ]; then ( trap '' HUP; exec 3<&- 4>&- 9>&-; cd /; exec setsid /bin/sh "$r/revert.sh" wait "$n" ) &
  else timeout 20 systemctl -q is-active "hcrun-switch-$run" || try timeout 20 systemd-run -q --collect "--unit=hcrun-switch-$run" \
    -p KillMode=process -p Restart=on-failure -p RestartSec=1 -p StartLimitIntervalSec=0 -p OOMScoreAdjust=-900 /bin/sh "$r/revert.sh" wait "$n" || return
  fi
  i=0; until waits; do i=$((i+1)); [ $i -le 100 ] || { e="the switch does not begin to wait"; return 1; }; sleep 0.1 || sleep 1; done; }
waits() { x=; read -r x <"$r/waits" && grep -qs -e "$run" "/proc/$x/cmdline"; }
# unit: at the next boot what is not confirmed is put back before any ordinary service starts. It is written by
# hand: systemctl enable would reload every unit of the machine.
unit() { f=$units/hcrun-undo-$run.service; [ ! -e "$f" ] || return 0
  e=$( { printf '%s\n' "[Unit]" "Description=hcrun: put back what run $run changed, unless it was confirmed" \
    DefaultDependencies=no After=local-fs.target "Before=basic.target shutdown.target" Conflicts=shutdown.target \
    "RequiresMountsFor=$r" "ConditionPathExists=$r/revert.sh" "" "[Service]" Type=oneshot TimeoutStartSec=1800 KillMode=process \
    "ExecStart=/bin/sh $r/revert.sh boot $n" >"$f" && chmod 644 "$f"; } 2>&1 ) &&
    try mkdir -p "$units/basic.target.wants" && try ln -sf "$f" "$units/basic.target.wants/" &&
    try sync "$f" "$units/basic.target.wants" "$units"; }

# put KEEP TOKEN DIR NAME HOW BEFORE AFTER MODE OWNER LABEL OLDMODE OLDOWNER: BEFORE and AFTER are patterns for
# what see finds. Statuses: 0 done, 75 nothing has changed, 76 unknown, 77 something else is there,
# 78 not empty, 79 refused for safety.
put() { st=75 e= p= t= kept=$1 tok=$2; shift 2
  if lock "$kept" && ours "$kept" "$tok"; then place "$@"; fi
  rest; untemp
  if [ $st = 75 ] && [ -n "$p" ]; then # what is there now tells what the failed step did
    st=76; see "$f" && case $s in $b) st=75;; $a) ;; *) st=77 e=$s;; esac; fi
  over "$kept"; }
lacks() { say 70 0 "$1"; exit 0; }
for x in base64 cat chmod chown cp cut dd flock grep id ln ls mkdir mkfifo mv printf readlink rm rmdir setsid sha256sum sleep stat sync tail tr wc yes; do
  command -v $x || lacks $x; done
x=$(printf abcdef | { part 3 >/dev/null; cat; }); [ "$x" = def ] || lacks 'dd with iflag=fullblock,count_bytes'
x=$(sha256sum </dev/null); [ "${x%% *}" = $nil ] || lacks 'a right sha256sum'
x=$(printf '\000\377' | base64); [ "$x" = AP8= ] || lacks 'a right base64'
x=$(stat -c '%h %f %u %g %s' /); case $x in *' 4'???' '*' '*' '*) ;; *) lacks 'stat -c';; esac
for x in 'mv -fT' 'mv -nT' 'ln -T' sync; do # each must get as far as not finding these
  y=$($x /./-/a /./-/b 2>&1); case $y in *'No such file'*) ;; *) lacks "$x";; esac; done
# m is which machine this is, "-" where it has no id: not the machine-id itself, which nobody but the machine may know.
m=- x=; [ ! -f /etc/machine-id ] || x=$(part 33 </etc/machine-id)
case $x in *[!0-9a-f]*) ;; *[!0]*) [ ${#x} != 32 ] || m=$(printf %.16s "$(printf 'hcrun%s' "$x" | sha256sum)");; esac
printf '\n' >&4; say 0 0 "hello 1 $me $z $m"
lease 60
while read -r seq verb tmo plen omax <&3 && IFS= read -r args <&3; do
  if [ -n "$job" ]; then wait "$job"; job=; fi
  case $seq$tmo$plen$omax in *[!0-9]*|'') seq=0; say 71 0 frame; bye;; esac
  # Whoever stops in the middle of a payload must not hold the lock for ever.
  if [ "$plen" = 0 ]; then unlease; else lease $((300+plen/16384)); fi
  eval "set -- $args"
  case $verb in
  ping) say 0 0 pong;;
  look) look "$@";;
  run) run "$@";;
  put) put "$@";;
  exec) execute "$@";;
  claim) claim "$@";;
  release) release "$@";;
  arm) arm "$@";;
  bye) say 0 0 bye; bye;;
  *) say 71 0 verb; bye;; esac
  lease $((60+tmo))
done
bye
}
