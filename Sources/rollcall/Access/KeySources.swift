// Rollcall · rollcall

import Access
import Basics
import JSONText
import Logging

/// The settings that name the keys of a node; files are read at the start and again at SIGHUP.
struct KeySources: Sendable {
    private let reader: SettingsReader
    /// The address of a JWKS, which a ``JWKSClient`` fetches; nil if the keys are elsewhere.
    let jwksURL: String?
    let isOpen: Bool
    private let rules: TokenRules

    /// Throws if the settings have no keys and do not open the node, or contradict each other.
    init(_ reader: SettingsReader, isOpen: Bool) throws(ProgramError) {
        let table = SettingsTable.declared
        self.reader = reader
        let opensNode = try reader.required(table.open)
        self.isOpen = isOpen || opensNode
        rules = TokenRules(
            issuer: try reader.value(of: table.tokenIssuer), audience: try reader.value(of: table.tokenAudience))
        let tokenKeys = try reader.value(of: table.tokenKeys)
        jwksURL = tokenKeys.flatMap { $0.hasPrefix("https://") ? $0 : nil }
        if let tokenKeys, tokenKeys.hasPrefix("http://") {
            throw .usage("\(reader.name(of: table.tokenKeys.info)): a JWKS is fetched by https:// only.")
        }
        let texts = [tokenKeys, try reader.value(of: table.apiKeys), try reader.value(of: table.tokenSecret)]
        guard self.isOpen || texts.contains(where: { $0 != nil }) else {
            throw .usage(
                """
                no keys to know callers by. Set \(table.apiKeys.info.environmentName), \
                \(table.tokenSecret.info.environmentName) or \(table.tokenKeys.info.environmentName), or give \
                \(table.open.info.flag) to answer every caller on a private network.
                """)
        }
        if jwksURL != nil { try requireAudience() }
        _ = try apiKeys()
        if let tokenKeys, tokenKeys.hasPrefix("{") {
            _ = try Self.reading(reader.name(of: table.tokenKeys.info)) { () throws(InputError) in
                try JSON(parsing: tokenKeys)
            }
        }
    }

    private func requireAudience() throws(ProgramError) {
        guard rules.audience == nil else { return }
        let table = SettingsTable.declared
        throw .usage(
            "\(reader.name(of: table.tokenKeys.info)) names a JWKS, which signs tokens for others too: set "
                + "\(table.tokenAudience.info.environmentName).")
    }

    /// Reads all keys but those of a JWKS at an address.
    func load(_ logger: Logger) async throws(ProgramError) -> Credentials.Keys {
        let table = SettingsTable.declared
        var keys = Credentials.Keys()
        keys.rules = rules
        keys.apiKeys = try apiKeys()
        if let secret = try reader.value(of: table.tokenSecret) {
            keys.tokenKeys.add(
                try await Self.readingKeys(reader.name(of: table.tokenSecret.info)) { () throws(InputError) in
                    try await TokenKeys(secret: secret)
                })
        }
        if let text = try reader.value(of: table.tokenKeys), jwksURL == nil {
            let name = reader.name(of: table.tokenKeys.info)
            let document = Self.isInline(text) ? text : try TextFile.read(text, named: name)
            if !document.contains("-----BEGIN ") { try requireAudience() }
            keys.tokenKeys.add(
                try await Self.readingKeys(name) { () throws(InputError) in try await TokenKeys(document) })
        }
        for reason in keys.tokenKeys.ignored {
            logger.warning("access: key of the JWKS left out", metadata: ["reason": "\(reason)"])
        }
        return keys
    }

    private func apiKeys() throws(ProgramError) -> APIKeys {
        let setting = SettingsTable.declared.apiKeys
        guard let text = try reader.value(of: setting) else { return APIKeys() }
        let name = reader.name(of: setting.info)
        guard !text.hasPrefix("rk_") else {
            throw .usage(
                "\(name) is a key itself; it takes the second line that `rollcall apikey` prints, in an array.")
        }
        let json = ["[", "{"].contains(text.first) ? text : try TextFile.read(text, named: name)
        let keys = try Self.reading(name) { () throws(InputError) in try APIKeys(JSON(parsing: json)) }
        guard !keys.isEmpty else { throw .usage("\(name) has no API key: its array is empty.") }
        return keys
    }

    private static func isInline(_ text: String) -> Bool { text.hasPrefix("{") || text.contains("-----BEGIN ") }

    private static func reading<Value>(
        _ name: String, _ read: () throws(InputError) -> Value
    ) throws(ProgramError) -> Value {
        do {
            return try read()
        } catch {
            throw fault(name, error)
        }
    }

    private static func readingKeys<Value>(
        _ name: String, _ read: () async throws(InputError) -> Value
    ) async throws(ProgramError) -> Value {
        do {
            return try await read()
        } catch {
            throw fault(name, error)
        }
    }

    private static func fault(_ name: String, _ error: InputError) -> ProgramError {
        .usage("\(name): at \(error.pointer ?? "#"): \(error.detail)")
    }
}
