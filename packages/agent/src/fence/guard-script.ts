/**
 * A guard: waits until a moment that lines on its FIFO move, then stops the container whatever else happens on the host. Written
 * for bash, which every host has, with built-in commands only, so that it needs no memory to speak of and no other process.
 *
 * Arguments: FIFO, UNTIL (ms since boot), GRACE (ms), SIGNAL, PIDFILE of the container, PROCS (its cgroup's list). Lines: a later
 * moment, or `stop`. It ends when it is told to, or when its FIFO is gone.
 */
export const guardScript = String.raw`
fifo=$1 until=$2 grace=$3 signal=$4 pidfile=$5 procs=$6
exec 3<>"$fifo" || exit 1
trap '' HUP INT TERM PIPE
up() { local u; read -r u _ </proc/uptime; now=$((10#${'$'}{u/./} * 10)); }
hear() {
  local line s
  printf -v s '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
  if read -r -t "$s" -u 3 line; then
    [ "$line" = stop ] && exit 0
    case $line in '' | *[!0-9]*) ;; *) [ "$line" -gt "$until" ] && until=$line ;; esac
  fi
  [ -p "$fifo" ] || exit 0
}
alive() { local pid; while read -r pid; do return 0; done 2>/dev/null <"$procs"; return 1; }
each() { local pid; while read -r pid; do kill -"$1" "$pid" 2>/dev/null; done 2>/dev/null <"$procs"; }
first() {
  local pid other
  read -r pid 2>/dev/null <"$pidfile"
  while read -r other; do [ "$other" = "$pid" ] && kill -"$1" "$pid" 2>/dev/null; done 2>/dev/null <"$procs"
}
while up; [ "$now" -lt "$until" ] || read -r -t 0 -u 3; do
  left=$((until - now))
  hear $((left > 0 ? left : 1))
done
: >"$fifo.fired"
first "$signal"
end=$((now + grace))
while up; [ "$now" -lt "$end" ] && alive; do hear 100; done
while :; do each KILL; hear 1000; done
`;
