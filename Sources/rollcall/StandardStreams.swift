// Rollcall · rollcall

import Foundation

/// The three streams that a process begins with.
enum StandardStreams {
    /// Makes sure that the program survives their loss.
    ///
    /// Called first of all, before anything is opened.
    /// A write to a pipe without a reader must be an error and not the end (SIGPIPE). And a stream that is closed must
    /// lead nowhere: the next file or socket would get its number, and log lines.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one, since those below it are open.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
        }
    }
}
