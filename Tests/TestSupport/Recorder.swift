// Rollcall · TestSupport

package import Logging
import Synchronization

/// Records the values of callbacks and loggers on other threads, in their order.
package final class Recorder<Element: Sendable>: Sendable {
    private let recorded = Mutex<[Element]>([])

    package init() {}

    package var all: [Element] { recorded.withLock { $0 } }

    package func record(_ element: Element) {
        recorded.withLock { $0.append(element) }
    }
}

extension Recorder where Element == String {
    /// A logger that records its lines with their metadata.
    package var logger: Logger { logger(from: .trace) }

    /// A logger that records its lines from `level` on with their metadata.
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
