// Rollcall · rollcall

import Configuration
import Foundation

/// Looks settings up in their sources: flags, then `ROLLCALL_*` environment, then a JSON file.
///
/// White space around a value is dropped, and an empty value counts as none.
struct SettingsReader: Sendable {
    /// One source, with the name of a setting in messages about it.
    private struct Layer: Sendable {
        let source: SettingsSource
        let values: ConfigReader
        let nameOf: @Sendable (SettingInfo) -> String
    }

    /// The first layer that has a value wins.
    private let layers: [Layer]
    /// Variables that begin with `ROLLCALL_` and are no settings.
    let unknownVariables: [UnknownVariable]
    /// The environment of the process, for variables without `ROLLCALL_` such as `SSL_CERT_FILE`.
    let environment: [String: String]

    /// Opens the sources.
    ///
    /// `file` is a path; without it `ROLLCALL_CONFIG` may name one. A file that is named must exist.
    init(
        flags: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment,
        file: String? = nil
    ) async throws(ProgramError) {
        var layers = [
            Layer(
                source: .flag, values: ConfigReader(provider: Self.provider("flags", flags)), nameOf: \.flag),
            Layer(
                source: .environment,
                values: ConfigReader(
                    provider: EnvironmentVariablesProvider(environmentVariables: environment)
                        .prefixKeys(with: "rollcall")),
                nameOf: \.environmentName),
        ]
        if let path = Self.trimmed(file) ?? Self.trimmed(environment["ROLLCALL_CONFIG"]) {
            let members = try SettingsFile.read(path)
            layers.append(
                Layer(
                    source: .file, values: ConfigReader(provider: Self.provider("file", members)),
                    nameOf: { "\($0.fileKey) in \(path)" }))
        }
        self.layers = layers
        unknownVariables = UnknownVariable.all(in: environment)
        self.environment = environment
    }

    /// Returns the value of a setting: that of the first source that has one, else the default, else nil.
    func value<Value>(of setting: Setting<Value>) throws(ProgramError) -> Value? {
        guard let (text, name, source) = try text(of: setting.info) else {
            return setting.info.fallback.flatMap(setting.parse)
        }
        guard let value = setting.parse(text) else { throw Self.refusal(of: text, setting.info, name, source) }
        return value
    }

    /// The text of the first source that has a value for a setting, not checked yet, and the name that it has there.
    func text(of info: SettingInfo) throws(ProgramError) -> (text: String, name: String, source: SettingsSource)? {
        for layer in layers {
            if let (text, name) = try text(of: info, in: layer) { return (text, name, layer.source) }
        }
        return nil
    }

    /// Returns the value of a setting; throws `usage` if it has neither a value nor a default.
    func required<Value>(_ setting: Setting<Value>) throws(ProgramError) -> Value {
        guard let value = try value(of: setting) else { throw .usage(Self.missing(setting.info)) }
        return value
    }

    /// The name of a setting in the source that has its value: `ROLLCALL_PORT`, `--port`, `port in /etc/rollcall.json`.
    func name(of info: SettingInfo) -> String {
        for layer in layers {
            if Self.trimmed(raw(info, in: layer)) != nil { return layer.nameOf(info) }
            if let file = info.fileSetting, Self.trimmed(raw(file, in: layer)) != nil { return layer.nameOf(file) }
        }
        return info.environmentName
    }

    /// The message for a setting without a value.
    static func missing(_ info: SettingInfo) -> String {
        "\(info.environmentName) is not set or empty. \(info.meaning)"
    }
}

extension SettingsReader {
    private func raw(_ info: SettingInfo, in layer: Layer) -> String? {
        layer.values.string(forKey: ConfigKey([info.fileKey]), isSecret: info.isSecret)
    }

    /// The text that a layer has for a setting, and the name of the setting that has it; a secret may be in a file.
    private func text(of info: SettingInfo, in layer: Layer) throws(ProgramError) -> (text: String, name: String)? {
        let direct = Self.trimmed(raw(info, in: layer))
        let name = layer.nameOf(info)
        if let direct, info.isSecret, layer.source == .flag, info.isWholeSecret || Secrets.hasPassword(direct) {
            throw .usage(
                "\(name) holds a \(info.isWholeSecret ? "secret" : "password"), which every user of this machine can read in the list of processes. "
                    + "Set \(info.environmentName), or write it to a file and give --\(info.name)-file.")
        }
        guard let file = info.fileSetting, let path = Self.trimmed(raw(file, in: layer)) else {
            return direct.map { ($0, name) }
        }
        let fileName = layer.nameOf(file)
        guard direct == nil else { throw .usage("\(name) and \(fileName) are both set. Keep one of them.") }
        let content = try TextFile.read(path, named: fileName)
        guard let text = Self.trimmed(content) else { throw .usage("\(fileName): the file \(path) is empty.") }
        return (text, fileName)
    }

    private static func trimmed(_ text: String?) -> String? {
        guard let text = text?.trimmingCharacters(in: .whitespacesAndNewlines), !text.isEmpty else { return nil }
        return text
    }

    private static func refusal(
        of text: String, _ info: SettingInfo, _ name: String, _ source: SettingsSource
    ) -> ProgramError {
        let shown = info.isSecret ? "something else (a secret, not shown)" : "\"\(Terminal.quoted(text))\""
        var sentence = "\(name) must be \(info.expected), but is \(shown)."
        if source == .environment, UnknownVariable.isServiceLink(text) {
            let service = info.environmentName.lowercased().replacing(/_port$/, with: "").replacing("_", with: "-")
            sentence +=
                " Kubernetes sets it for a Service named \"\(service)\": "
                + "set enableServiceLinks: false in the pod's spec, or rename the Service."
        }
        return .usage(sentence)
    }

    private static func provider(_ name: String, _ values: [String: String]) -> InMemoryProvider {
        InMemoryProvider(
            name: name,
            values: Dictionary(
                uniqueKeysWithValues: values.map { name, text in
                    (AbsoluteConfigKey([name]), ConfigValue(.string(text), isSecret: false))
                }))
    }
}

/// The kind of source that has the value of a setting.
enum SettingsSource: Sendable {
    case flag
    case environment
    case file
}
