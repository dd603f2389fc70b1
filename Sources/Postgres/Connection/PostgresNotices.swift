// Rollcall · Postgres

import CPostgres
import Logging

/// Logs a connection's notices, which libpq would print to standard error.
///
/// The owner of the connection must keep this object as well: libpq has an unowned pointer to it.
final class PostgresNotices: Sendable {
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func receive(from connection: OpaquePointer) {
        let take: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?) -> Void = { owner, text in
            guard let owner, let text else { return }
            let notices = Unmanaged<PostgresNotices>.fromOpaque(owner).takeUnretainedValue()
            notices.logger.debug("postgres: notice", metadata: ["text": "\(oneLine(String(cString: text)))"])
        }
        PQsetNoticeProcessor(connection, take, Unmanaged.passUnretained(self).toOpaque())
    }
}

/// Joins the lines of a text of libpq, without their indentation.
func oneLine(_ text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline)
    return lines.map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
}
