// Rollcall · EnrichmentTests

import Logging
import Synchronization

/// Keeps what callbacks and loggers on other threads tell, in their order.
final class Recorder<Element: Sendable>: Sendable {
    private let recorded = Mutex<[Element]>([])

    var all: [Element] { recorded.withLock { $0 } }

    func record(_ element: Element) {
        recorded.withLock { $0.append(element) }
    }
}

extension Recorder where Element == String {
    /// A logger whose lines from info on, metadata included, are recorded.
    var logger: Logger {
        Logger(label: "test") { _ in RecordingLogHandler(recorder: self) }
    }
}

private struct RecordingLogHandler: LogHandler {
    let recorder: Recorder<String>
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        recorder.record("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}
