#!/usr/bin/perl
# A small HTTP server with keep-alive, in what every Debian has: one process, many connections.
# For $UNREADY seconds it answers 503: who is asked then is asked too early.
# Told to end, it takes no new connection, answers what comes on those it has, asks each to close, and ends with the last.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($stopping, $deadline) = (0, 0);
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = sub { $stopping = 1; $deadline = time + 8 };
sleep($ENV{START_DELAY} || 0);
my $ready = time + ($ENV{UNREADY} || 0);
my $server = IO::Socket::INET->new(LocalPort => 8080, Listen => 512, ReuseAddr => 1, Blocking => 0) or die "listen: $!";
my $select = IO::Select->new($server);
my %requests;
my $body = "$ENV{VERSION} $ENV{HOSTNAME}\n";
print "serving $body";
while (1) {
    if ($stopping && $server) { $select->remove($server); close $server; undef $server }
    last if $stopping && (!$select->count || time > $deadline);
    for my $socket ($select->can_read(0.2)) {
        if ($server && $socket == $server) {
            while (my $client = $server->accept) { $client->blocking(0); $select->add($client); $requests{$client} = '' }
            next;
        }
        my $read = sysread($socket, $requests{$socket}, 65_536, length $requests{$socket});
        if (!$read) { finish($socket) if defined $read || !$!{EAGAIN}; next }
        while ($requests{$socket} =~ s/^(.*?)\r\n\r\n//s) {
            my $last = $stopping || $1 =~ /^Connection: close\r?$/mi;
            my $end = $last ? 'close' : 'keep-alive';
            my $status = time < $ready ? '503 Not Yet' : '200 OK';
            syswrite $socket, "HTTP/1.1 $status\r\nContent-Length: " . length($body) . "\r\nConnection: $end\r\n\r\n$body";
            if ($last) { finish($socket); last }
        }
    }
}

sub finish { my ($socket) = @_; $select->remove($socket); delete $requests{$socket}; close $socket }
