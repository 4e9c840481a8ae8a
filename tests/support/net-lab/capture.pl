#!/usr/bin/perl
# Writes every frame on every link of this network namespace to a file, each behind its length, until it is ended.
use strict;
use warnings;

my ($af_packet, $sock_raw, $every_protocol) = (17, 3, 0x0300);
socket(my $tap, $af_packet, $sock_raw, $every_protocol) or die "cannot listen: $!";
setsockopt($tap, 1, 33, pack('i', 16 << 20)); # SO_RCVBUFFORCE
open(my $file, '>:raw', $ARGV[0]) or die "cannot write: $!";
$| = 1;
print "ready\n";
while (defined recv($tap, my $frame, 1 << 17, 0)) {
  syswrite($file, pack('N', length $frame) . $frame);
}
