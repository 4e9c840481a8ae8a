/** System calls every container may use, by what they are for. Names only; rules on arguments stand in `seccomp.ts`. */
export const allowedAlways: readonly string[] = [
  // Files: open, read, write, links, attributes
  ...words(
    'open openat openat2 creat close close_range read readv pread64 preadv preadv2 write writev pwrite64',
  ),
  ...words(
    'pwritev pwritev2 lseek _llseek dup dup2 dup3 fcntl fcntl64 flock ioctl truncate truncate64 ftruncate',
  ),
  ...words('ftruncate64 fallocate fadvise64 fadvise64_64 readahead stat stat64 lstat lstat64 fstat fstat64'),
  ...words(
    'fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 statmount listmount access faccessat',
  ),
  ...words(
    'faccessat2 chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32',
  ),
  ...words(
    'umask link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat renameat2',
  ),
  ...words(
    'mkdir mkdirat rmdir mknod mknodat getdents getdents64 getcwd chdir fchdir utime utimes utimensat',
  ),
  ...words('utimensat_time64 futimesat getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr'),
  ...words('llistxattr flistxattr removexattr lremovexattr fremovexattr getxattrat setxattrat listxattrat'),
  ...words(
    'removexattrat sync syncfs fsync fdatasync sync_file_range copy_file_range sendfile sendfile64 splice',
  ),
  ...words('tee vmsplice name_to_handle_at cachestat'),
  // Waiting for files and events
  ...words('select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1'),
  ...words(
    'epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd',
  ),
  ...words('signalfd4 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark io_setup'),
  ...words('io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64 pipe pipe2'),
  // Memory
  ...words(
    'brk mmap mmap2 munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock munlockall',
  ),
  ...words('remap_file_pages membarrier memfd_create memfd_secret pkey_alloc pkey_free pkey_mprotect mseal'),
  ...words('map_shadow_stack process_mrelease'),
  // Processes and threads
  ...words('fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid'),
  ...words(
    'getpgrp setpgid getsid setsid kill tkill tgkill pidfd_open pidfd_send_signal ptrace process_vm_readv',
  ),
  ...words(
    'process_vm_writev prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self',
  ),
  ...words('set_tid_address set_robust_list get_robust_list set_thread_area get_thread_area rseq futex'),
  ...words('futex_time64 futex_waitv futex_wake futex_wait futex_requeue restart_syscall getcpu'),
  // Scheduling and limits
  ...words('sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam'),
  ...words(
    'sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min',
  ),
  ...words(
    'sched_rr_get_interval sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set',
  ),
  ...words('getrlimit setrlimit ugetrlimit prlimit64 getrusage times sysinfo uname'),
  // Users, groups, capabilities
  ...words(
    'getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid',
  ),
  ...words('getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid'),
  ...words('setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32'),
  ...words('setgroups setgroups32 capget capset'),
  // Signals
  ...words(
    'rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait',
  ),
  ...words('rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn pause'),
  // Time
  ...words(
    'time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep',
  ),
  ...words(
    'clock_nanosleep_time64 nanosleep alarm clock_adjtime clock_adjtime64 adjtimex getitimer setitimer',
  ),
  ...words('timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime'),
  ...words(
    'timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64',
  ),
  // Sockets; socket itself has rules of its own
  ...words(
    'socketpair bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt',
  ),
  ...words('send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64'),
  // System V and POSIX communication
  ...words(
    'ipc shmget shmat shmctl shmdt semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv',
  ),
  ...words(
    'msgctl mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive',
  ),
  ...words('mq_timedreceive_time64'),
  // The rest: random numbers, and what belongs to one architecture (unknown names are skipped by libseccomp)
  ...words(
    'getrandom arch_prctl modify_ldt arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint',
  ),
  ...words('cacheflush set_tls'),
];

/** What a capability adds: calls that are of no use, or of no harm, without it. */
export const allowedWith: Readonly<Record<string, readonly string[]>> = {
  CAP_DAC_READ_SEARCH: words('open_by_handle_at'),
  CAP_SYS_ADMIN: [
    ...words(
      'bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr',
    ),
    ...words('lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open'),
    ...words('pivot_root quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare'),
  ],
  CAP_SYS_BOOT: words('reboot'),
  CAP_SYS_CHROOT: words('chroot'),
  CAP_SYS_MODULE: words('delete_module finit_module init_module'),
  CAP_SYS_PACCT: words('acct'),
  CAP_SYS_PTRACE: words('kcmp pidfd_getfd process_madvise'),
  CAP_SYS_RAWIO: words('ioperm iopl'),
  CAP_SYS_TIME: words('clock_settime clock_settime64 settimeofday stime'),
  CAP_SYS_TTY_CONFIG: words('vhangup'),
  CAP_SYS_NICE: words('get_mempolicy mbind set_mempolicy set_mempolicy_home_node migrate_pages move_pages'),
  CAP_SYSLOG: words('syslog'),
  CAP_BPF: words('bpf'),
  CAP_PERFMON: words('perf_event_open'),
};

function words(text: string): readonly string[] {
  return text.split(' ');
}
