// Rollcall · rollcall

import Access
import ArgumentParser
import Basics
import Foundation
import JSONText
import PresenceModel

/// The command `rollcall token KEY`.
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make a token for a user, as your backend would.",
        discussion: """
            It is signed by ROLLCALL_TOKEN_SECRET, or by the private key in --key-file, and has the iss and aud of the \
            settings.
            """)

    @Argument(help: "The key of the user, which becomes sub.")
    var key: String

    @Option(help: ArgumentHelp("The rights of the token, as JSON: the claim rollcall.", valueName: "json"))
    var rights = #"{"topic_prefixes":{"":["track","see"]}}"#

    @Option(help: ArgumentHelp("Seconds until the token ends, 86400 at most.", valueName: "seconds"))
    var lifetime = 3600

    @Option(help: ArgumentHelp("PEM file with a private key.", valueName: "path"))
    var keyFile: String?

    @Option(help: ArgumentHelp("JSON file with settings.", valueName: "path"))
    var config: String?

    func run() async throws {
        let reader = try await SettingsReader(flags: [:], file: config)
        let table = SettingsTable.declared
        let subject = try ProgramError.reading("KEY") { () throws(InputError) in try Key(key) }
        let json = try ProgramError.reading("--rights") { () throws(InputError) in try JSON(parsing: rights) }
        let longest = Int(TokenRules.longestLife)
        guard (1...longest).contains(lifetime) else {
            throw ProgramError.usage("--lifetime must be a whole number from 1 to \(longest), but is \(lifetime).")
        }
        let privateKey = try keyFile.map { try TextFile.read($0, named: "--key-file") }
        let secret = try privateKey == nil ? reader.required(table.tokenSecret) : ""
        let signer: TokenSigner
        do throws(InputError) {
            signer =
                if let privateKey { try await TokenSigner(privateKey: privateKey) } else {
                    try await TokenSigner(secret: secret)
                }
        } catch {
            throw ProgramError.usage("\(keyFile ?? table.tokenSecret.info.environmentName): \(error.detail)")
        }
        let rules = TokenRules(
            issuer: try reader.value(of: table.tokenIssuer), audience: try reader.value(of: table.tokenAudience))
        let token = try ProgramError.reading("--rights") { () throws(InputError) in
            try signer.token(
                of: subject, rights: json, rules: rules, at: Int(Date().timeIntervalSince1970), lifetime: lifetime)
        }
        Terminal.writeOutput(token + "\n")
    }
}
