// Rollcall · rollcall

import Access

/// Describes one setting: its names, its default, its meaning and the form of its values.
struct SettingInfo: Sendable {
    /// Names the setting in words joined by dashes; all its other names follow from it.
    let name: String
    /// The default as an operator would write it, or nil if there is none.
    let fallback: String?
    /// The text in place of a default where there is none, such as "required".
    let without: String
    let meaning: String
    /// Completes "must be …".
    let expected: String
    /// Whether no output may show the value, not even the error that refuses it.
    ///
    /// A secret may also be read from the file that ``fileSetting`` names.
    let isSecret: Bool
    /// Whether the whole value is a secret, so that no flag may have it.
    var isWholeSecret = false
    /// Whether its flag has no value: its presence stands for `true`.
    var isSwitch = false
    /// Whether a settings file may hold an array or an object in its place.
    let isJSON: Bool

    var flag: String { "--\(name)" }
    var fileKey: String { name.replacing("-", with: "_") }
    var environmentName: String { "ROLLCALL_\(fileKey.uppercased())" }

    /// The setting that names a file with this secret in it, such as `redis-url-file`; nil where this is no secret.
    var fileSetting: SettingInfo? {
        guard isSecret else { return nil }
        return SettingInfo(
            name: "\(name)-file", fallback: nil, without: "optional",
            meaning: "File with the value of `\(environmentName)`, so that no password stands in a flag or variable.",
            expected: "the path of a file", isSecret: false, isJSON: false)
    }

    /// The default in words, for help and documentation.
    var shownDefault: String { fallback.map { "default: \($0)" } ?? without }
}

/// A setting with values of any type: a cast cannot name `Setting` without the type of its values.
protocol DeclaredSetting {
    var info: SettingInfo { get }
}

/// A setting together with the reading of its text.
struct Setting<Value: Sendable>: DeclaredSetting, Sendable {
    let info: SettingInfo
    /// Returns nil for a text that does not fit `info.expected`.
    let parse: @Sendable (String) -> Value?

    init(
        _ name: String, default fallback: String? = nil, without: String = "optional", isSecret: Bool = false,
        isWholeSecret: Bool = false, isSwitch: Bool = false, isJSON: Bool = false, _ meaning: String, expected: String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.info = SettingInfo(
            name: name, fallback: fallback, without: without, meaning: meaning, expected: expected, isSecret: isSecret,
            isWholeSecret: isWholeSecret, isSwitch: isSwitch, isJSON: isJSON)
        self.parse = parse
    }
}

extension Setting {
    /// A whole number of a unit, such as `TimeAmount.seconds`, within bounds, both included.
    init(
        _ name: String, default fallback: String? = nil, in bounds: ClosedRange<Int>,
        of unit: @escaping @Sendable (Int64) -> Value, _ meaning: String
    ) {
        self.init(
            name, default: fallback, meaning,
            expected: "a whole number from \(bounds.lowerBound) to \(bounds.upperBound)",
            parse: { text in
                guard !text.hasPrefix("+"), let number = Int(text), bounds.contains(number) else { return nil }
                return unit(Int64(number))
            })
    }
}

extension Setting where Value == Int {
    /// A whole number within bounds, both included.
    init(_ name: String, default fallback: String? = nil, in bounds: ClosedRange<Int>, _ meaning: String) {
        self.init(name, default: fallback, in: bounds, of: { Int($0) }, meaning)
    }
}

extension Setting where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a few words.
    init(choice name: String, default fallback: String, _ meaning: String) {
        self.init(
            name, default: fallback, meaning,
            expected: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            parse: { Value(rawValue: $0.lowercased()) })
    }
}

extension Setting where Value == Bool {
    /// Off by default; its flag turns it on.
    init(switch name: String, _ meaning: String) {
        self.init(
            name, default: "false", isSwitch: true, meaning, expected: "true or false",
            parse: { Bool($0.lowercased()) })
    }
}

extension Setting where Value == CallerLimits {
    /// The limits of a kind of caller; what the text leaves out keeps its default.
    init(limitsOf kind: CallerKind, _ name: String, _ meaning: String) {
        self.init(
            name, default: CallerLimits.standard(kind).description, meaning,
            expected: "limits such as \(CallerLimits.example(kind)), separated by commas, or none",
            parse: { CallerLimits($0, of: kind) })
    }
}

extension Setting where Value == String {
    /// The path of a file.
    init(path name: String, without: String = "optional", _ meaning: String) {
        self.init(name, without: without, meaning, expected: "a path", parse: { $0.isEmpty ? nil : $0 })
    }
}
