#!/usr/bin/perl
# Times TCP without an event loop in between: `ping.pl serve PORT`, `ping.pl ask HOST PORT COUNT`. Prints microseconds, a line each:
# `connect N` for a new connection, `answer N` for one byte there and back on one that stands.
use strict;
use warnings;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

$| = 1;
my $verb = shift;
$verb eq 'serve' ? serve(@ARGV) : ask(@ARGV);

sub serve {
  my ($port) = @_;
  my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 512, ReuseAddr => 1) or die "cannot listen: $!";
  print "ready\n";
  while (my $client = $listener->accept) {
    setsockopt($client, IPPROTO_TCP, TCP_NODELAY, 1);
    while (sysread($client, my $byte, 1)) { syswrite($client, $byte) }
  }
}

sub ask {
  my ($host, $port, $count) = @_;
  my $to = sockaddr_in($port, inet_aton($host));
  for (1 .. $count) {
    socket(my $socket, PF_INET, SOCK_STREAM, 0);
    my $start = clock_gettime(CLOCK_MONOTONIC);
    connect($socket, $to) or die "cannot connect: $!";
    printf "connect %.1f\n", 1e6 * (clock_gettime(CLOCK_MONOTONIC) - $start);
    setsockopt($socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)); # no port waits
    close($socket);
  }
  socket(my $socket, PF_INET, SOCK_STREAM, 0);
  connect($socket, $to) or die "cannot connect: $!";
  setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
  for (1 .. $count) {
    my $start = clock_gettime(CLOCK_MONOTONIC);
    syswrite($socket, 'x');
    sysread($socket, my $byte, 1);
    printf "answer %.1f\n", 1e6 * (clock_gettime(CLOCK_MONOTONIC) - $start);
  }
}
