// Rollcall · PresenceServer

/// The type of a metric in the text format.
enum MetricType: String, Sendable {
    case counter
    case gauge
    case histogram
    case summary
}

/// Writes the Prometheus text format, version 0.0.4.
struct PrometheusText {
    private(set) var bytes: [UInt8] = []

    /// The name, with an underscore for each character that the format does not allow.
    static func name(_ label: String) -> String {
        let cleaned = String(
            label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") ? $0 : "_" })
        return cleaned.first?.isNumber == false ? cleaned : "_" + cleaned
    }

    mutating func head(_ name: String, _ type: MetricType, help: String) {
        self.append("# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(type.rawValue)\n")
    }

    mutating func sample(_ name: String, _ labels: MetricLabels, extra: (String, String)? = nil, _ value: String) {
        var pairs = labels.pairs.map { "\($0.name)=\"\(Self.escape($0.value, quotes: true))\"" }
        if let extra { pairs.append("\(extra.0)=\"\(extra.1)\"") }
        self.append(name + (pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}") + " \(value)\n")
    }

    /// A number in the text format.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private mutating func append(_ text: String) {
        self.bytes.append(contentsOf: text.utf8)
    }
}

/// The labels of a series, in the order of their names.
struct MetricLabels: Hashable, Comparable, Sendable {
    struct Pair: Hashable, Sendable {
        let name: String
        let value: String
    }

    let pairs: [Pair]

    init(_ dimensions: [(String, String)]) {
        self.pairs = dimensions.map { Pair(name: PrometheusText.name($0.0), value: $0.1) }.sorted { $0.name < $1.name }
    }

    static func < (left: MetricLabels, right: MetricLabels) -> Bool {
        left.pairs.lexicographicallyPrecedes(right.pairs) { ($0.name, $0.value) < ($1.name, $1.value) }
    }
}
