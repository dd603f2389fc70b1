// Rollcall · rollcall

import Foundation
import JSONText
import Logging
import PresenceModel

/// Writes each log event as one line on standard error, in one write, so that lines of several threads never mix.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let write: @Sendable (String) -> Void

    private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    init(
        label: String, level: Logger.Level, format: LogFormat,
        write: @escaping @Sendable (String) -> Void = Terminal.writeError
    ) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { write(line(for: event)) }

    private func line(for event: LogEvent) -> String {
        var values = metadata
        values.merge(metadataProvider?.get() ?? [:]) { $1 }
        values.merge(event.metadata ?? [:]) { $1 }
        if let error = event.error { values["error"] = "\(error)" }
        let time = Date().formatted(Self.timeFormat)
        let fields = values.map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
        return switch format {
        case .text: textLine(of: event, at: time, fields)
        case .json: jsonLine(of: event, at: time, fields)
        }
    }

    private func textLine(of event: LogEvent, at time: String, _ fields: [(String, String)]) -> String {
        var line = "\(time) \(event.level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)) \(event.message)"
        for (name, value) in fields {
            let isPlain =
                !value.isEmpty && !value.unicodeScalars.contains { $0 == " " || $0 == "\"" || Terminal.isHarmful($0) }
            line += " \(name)=\(isPlain ? value : Self.quoted(value))"
        }
        return Self.onOneLine(line)
    }

    private func jsonLine(of event: LogEvent, at time: String, _ fields: [(String, String)]) -> String {
        let standard = [
            ("time", time), ("level", event.level.rawValue), ("logger", label), ("message", "\(event.message)"),
        ]
        // A field with a standard name is renamed, because an object must not have two members of one name.
        let renamed = fields.map { name, value in
            (standard.contains { $0.0 == name } ? "field.\(name)" : name, value)
        }
        let members = (standard + renamed).map { "\(Self.quoted($0)):\(Self.quoted($1))" }
        return Terminal.escapedJSON("{" + members.joined(separator: ",") + "}") + "\n"
    }

    /// The line that replaces lines that could not be written.
    static func lostLine(count: Int, format: LogFormat) -> String {
        let handler = LineLogHandler(label: "rollcall", level: .warning, format: format)
        return handler.line(
            for: LogEvent(
                level: .warning, message: "log: lines lost, standard error was not read",
                metadata: ["lines": "\(count)"], source: "rollcall", file: #fileID, function: #function, line: #line))
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.append(jsonString: text)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Escapes line ends, so that a message cannot look like two log lines.
    private static func onOneLine(_ line: String) -> String {
        // By scalar, because a carriage return with a line feed is one Character, unequal to both.
        let joined = line.unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\r": text += "\\r"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return Terminal.escapedJSON(joined) + "\n"
    }
}

/// How log lines look.
enum LogFormat: String, CaseIterable, Sendable {
    case text
    case json
}
