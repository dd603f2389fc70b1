// Rollcall · TestSupport

package import Logging
import Synchronization

/// Keeps what callbacks and loggers on other threads tell, in their order.
package final class Recorder<Element: Sendable>: Sendable {
    private let recorded = Mutex<[Element]>([])

    package init() {}

    package var all: [Element] { recorded.withLock { $0 } }

    package func record(_ element: Element) {
        recorded.withLock { $0.append(element) }
    }
}

extension Recorder where Element == String {
    /// A logger whose lines, metadata included, are recorded.
    package var logger: Logger { logger(from: .trace) }

    /// A logger whose lines from `level` on, metadata included, are recorded.
    package func logger(from level: Logger.Level) -> Logger {
        Logger(label: "test") { _ in RecordingLogHandler(recorder: self, logLevel: level) }
    }
}

private struct RecordingLogHandler: LogHandler {
    let recorder: Recorder<String>
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        recorder.record("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}
