// Rollcall · EndToEndTests

import ArgumentParser
import Foundation
import LocalServices
import Logging
import Testing

@testable import rollcall

/// White space around a value, and the places where a value may be.
@Suite("Sources of settings")
struct SettingsSourcesTests {
    private let table = SettingsTable.declared
    private static let redis = ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://localhost"]

    private func reader(_ environment: [String: String], flags: [String: String] = [:]) async throws -> SettingsReader {
        try await SettingsReader(flags: flags, environment: environment)
    }

    /// Lends a folder with one file in it.
    private func withFile(_ text: String, _ body: (String) async throws -> Void) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let path = "\(folder)/file"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try await body(path)
    }

    @Test(arguments: SettingsTable.all)
    func `each setting can be a flag, a variable and a member of the settings file`(setting: SettingInfo) async throws {
        let options = try SettingsOptions.parse(setting.isSwitch ? [setting.flag] : [setting.flag, "a value"])
        #expect(options.given == [setting.fileKey: setting.isSwitch ? "true" : "a value"])
        try await withFile(#"{"\#(setting.fileKey)": "a value"}"#) { file in
            if !setting.isSwitch && !setting.isWholeSecret {
                let found = try await reader([:], flags: options.given).text(of: setting)
                #expect(found?.text == "a value" && found?.name == setting.flag)
            }
            for (reader, name) in [
                (try await reader([setting.environmentName: "a value"]), setting.environmentName),
                (try await reader(["ROLLCALL_CONFIG": file]), "\(setting.fileKey) in \(file)"),
            ] {
                let found = try #require(try reader.text(of: setting))
                #expect(found.text == "a value" && found.name == name)
                #expect(reader.unknownVariables == [])
            }
        }
    }

    @Test(arguments: SettingsTable.all)
    func `the help of serve shows each setting with its meaning, its variable and its default`(setting: SettingInfo) {
        let help = ServeCommand.helpMessage(columns: 400)
        #expect(help.contains("  \(setting.flag) \(setting.isSwitch ? "" : "<value>")"))
        #expect(help.contains("\(setting.meaning) (\(setting.environmentName); \(setting.shownDefault))"))
    }

    @Test func `white space around a value is dropped, the line end of a file too`() async throws {
        let environment = ["ROLLCALL_PORT": " 5 ", "ROLLCALL_LOG_LEVEL": "debug\r\n", "ROLLCALL_HOST": "\t::1\n"]
        let reader = try await reader(environment)
        #expect(try reader.value(of: table.port) == 5)
        #expect(try reader.value(of: table.logLevel) == .debug)
        #expect(try reader.value(of: table.host) == "::1")
    }

    @Test(arguments: ["", " ", "\n"])
    func `an empty value counts as none, in every source`(empty: String) async throws {
        try await withFile(#"{"port": "\#(empty == "\n" ? "" : empty)", "grace": null}"#) { file in
            let environment = ["ROLLCALL_PORT": empty, "ROLLCALL_CONFIG": file, "ROLLCALL_REDIS_URL": empty]
            let reader = try await reader(environment, flags: ["port": empty])
            #expect(try reader.value(of: table.port) == 4000)
            #expect(try reader.value(of: table.grace) == 5)
            let error = try #require(throws: ProgramError.self) { try Settings(from: reader) }
            #expect(error.code == .usage && error.description.contains("ROLLCALL_REDIS_URL"))
        }
        _ = try await reader(["ROLLCALL_CONFIG": empty])
    }

    @Test(arguments: [("[::1]", "::1"), ("fe80::1%eth0", "fe80::1%eth0"), ("my-host.example", "my-host.example")])
    func `a host is an address, with or without brackets, or a name`(text: String, host: String) async throws {
        #expect(try await reader(["ROLLCALL_HOST": text]).value(of: table.host) == host)
    }

    @Test func `a settings file may begin with a byte order mark`() async throws {
        try await withFile("\u{feff}{\"port\": 4321}\r\n") { file in
            let reader = try await reader(["ROLLCALL_CONFIG": "\(file)\n"])
            #expect(try reader.value(of: table.port) == 4321)
        }
    }

    @Test func `a secret may be in a file that a flag, a variable or the settings file names`() async throws {
        try await withFile("\u{feff}postgresql://u:hunter2@db/x\n") { secret in
            try await withFile(#"{"database_url_file": "\#(secret)"}"#) { settings in
                for reader in [
                    try await reader(["ROLLCALL_DATABASE_URL_FILE": secret]),
                    try await reader(["ROLLCALL_CONFIG": settings]),
                    try await reader(
                        ["ROLLCALL_DATABASE_URL": "postgresql://other"], flags: ["database_url_file": secret]),
                ] {
                    #expect("\(try #require(try reader.databaseURL()))" == "postgresql://u:***@db/x")
                }
            }
        }
    }

    @Test func `a secret file that cannot be used is named, and its content is not shown`() async throws {
        let cases = [
            ("", "is empty"), ("hunter2", "must be a postgresql:// URL"), ("postgresql://u:hunter2@h:x", "port"),
        ]
        for (content, reason) in cases {
            try await withFile(content) { secret in
                let reader = try await reader(["ROLLCALL_DATABASE_URL_FILE": secret])
                let error = try #require(throws: ProgramError.self) { try reader.databaseURL() }
                #expect(error.code == .usage && error.description.contains("ROLLCALL_DATABASE_URL_FILE"))
                #expect(error.description.contains(reason) && !error.description.contains("hunter2"), "\(error)")
            }
        }
        for (path, reason) in [("/no/such/file", "No such file"), ("/tmp", "is a folder")] {
            let reader = try await reader(["ROLLCALL_REDIS_URL_FILE": path])
            let error = try #require(throws: ProgramError.self) { try reader.value(of: table.redisURL) }
            #expect(error.description.contains("ROLLCALL_REDIS_URL_FILE: the file \(path)"))
            #expect(error.description.contains(reason))
        }
        let both = try await reader(["ROLLCALL_DATABASE_URL": "postgresql://h", "ROLLCALL_DATABASE_URL_FILE": "/x"])
        #expect(throws: ProgramError.self) { try both.databaseURL() }
    }

    @Test(arguments: [
        ("redis_url", "redis://:hunter2@h"), ("redis_url", "rediss://u:hunter2@h:6379/1"),
        ("redis_url", "redis+unix://:hunter2@/s"), ("database_url", "postgresql://u:hunter2@h/db"),
        ("database_url", "postgresql://h/db?password=hunter2"), ("database_url", "host=h password = 'hunter2 x'"),
        ("database_url", "postgresql://h/db?sslmode=require&sslpassword=hunter2"),
    ])
    func `a password in a flag is refused, since the list of processes shows it`(key: String, text: String) async throws
    {
        let reader = try await reader([:], flags: [key: text])
        let error = try #require(throws: ProgramError.self) { try Settings(from: reader) }
        #expect(error.code == .usage && !error.description.contains("hunter2"))
        let flag = key.replacing("_", with: "-")
        #expect(
            error.description.contains("--\(flag) holds a password") && error.description.contains("--\(flag)-file"))
    }

    @Test(arguments: ["redis://h", "redis://u@h", "postgresql://u@h/db?sslmode=disable", "postgresql://[::1]:5433/db"])
    func `a URL without a password may be a flag`(text: String) {
        #expect(!Secrets.hasPassword(text))
    }

    @Test func `the variable of a Kubernetes Service is explained`() async throws {
        let reader = try await reader(["ROLLCALL_PORT": "tcp://10.0.0.1:4000"])
        let error = try #require(throws: ProgramError.self) { try reader.value(of: table.port) }
        #expect(error.description.contains("Kubernetes") && error.description.contains("enableServiceLinks: false"))
        #expect(error.description.contains("\"rollcall\""))
    }

    @Test func `a misspelt variable is reported with the setting that it resembles`() async throws {
        let environment = [
            "ROLLCALL_GARCE": "7", "ROLLCALL_REDIS_URI": "redis://x", "ROLLCALL_SOMETHING_ELSE": "1",
            "ROLLCALL_URL": "x",
            "ROLLCALL_TOKEN": "x", "ROLLCALL_TEST_SEED": "1", "ROLLCALL_SERVICE_HOST": "10.0.0.1", "PATH": "/bin",
            "ROLLCALL_SERVICE_PORT": "4000", "ROLLCALL_SERVICE_PORT_HTTP": "4000",
            "ROLLCALL_PORT_4000_TCP_PROTO": "tcp",
            "ROLLCALL_REDIS_PORT": "tcp://10.0.0.2:6379", "ROLLCALL_PORT_4000_TCP": "tcp://10.0.0.1:4000",
        ].merging(Self.redis) { $1 }
        let settings = try Settings(from: try await reader(environment))
        #expect(
            settings.unknownVariables == [
                UnknownVariable(name: "ROLLCALL_GARCE", nearest: "ROLLCALL_GRACE"),
                UnknownVariable(name: "ROLLCALL_REDIS_URI", nearest: "ROLLCALL_REDIS_URL"),
                UnknownVariable(name: "ROLLCALL_SOMETHING_ELSE", nearest: nil),
            ])
    }

    @Test func `a flag that is given twice is refused with its name`() throws {
        for arguments in [["serve", "--port", "1", "--port", "2"], ["serve", "--config=a", "--config", "b"]] {
            let error = try #require(throws: ProgramError.self) { try Rollcall.refuseRepeatedFlags(arguments) }
            #expect(
                error.code == .usage
                    && error.description.contains("\(arguments[1].prefix { $0 != "=" }) is given twice"))
        }
        try Rollcall.refuseRepeatedFlags(["track", "a", "b", "--meta", "{\"a\":\"--meta\"}", "--", "--x", "--x"])
    }

    @Test func `no text that is shown contains a password`() {
        for text in [
            "redis://u:hunter2@h", "x https://:hunter2@h/ y", "Unexpected argument 'postgres://u:p@hunter2@h/d'",
            "host=h password=hunter2 x", "password = 'hunter2 y'", "postgresql://h/d?password=hunter2&x=1",
        ] {
            #expect(!Secrets.hidden(in: text).contains("hunter2"), "\(Secrets.hidden(in: text))")
        }
        #expect(Secrets.hidden(in: "see http://127.0.0.1:4000/?a=b") == "see http://127.0.0.1:4000/?a=b")
    }
}
