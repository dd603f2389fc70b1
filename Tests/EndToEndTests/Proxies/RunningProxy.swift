// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport

/// A proxy that runs with its documented configuration, in which only names, ports and paths are replaced.
struct RunningProxy: Sendable {
    let plain: RollcallClient
    let encrypted: RollcallClient

    /// HTTP/1.1 without TLS, and HTTP/2 with it.
    var both: [RollcallClient] { [plain, encrypted] }

    /// Runs `proxy` in front of the nodes, calls `body` when it answers on both ports, and ends it.
    static func with(
        _ proxy: Proxy, nodes: [RollcallProcess], edits: [(text: String, replacement: String)] = [],
        _ body: (RunningProxy) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try await makeCertificate(in: folder)
        let ports = (plain: try LocalSocket.freePort(), encrypted: try LocalSocket.freePort())
        let text = try configuration(of: proxy, nodes: nodes, edits: edits, ports: ports, folder: folder)
        let file = folder + "/configuration"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let arguments =
            switch proxy {
            case .nginx: ["-p", folder, "-e", "stderr", "-c", file]
            case .haproxy: ["-db", "-f", file]
            case .caddy: ["run", "--adapter", "caddyfile", "--config", file]
            }
        let process = try await OwnedProcess.start(
            try proxy.executable, arguments: arguments,
            environment: ["HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder])
        let running = RunningProxy(
            plain: RollcallClient("http://localhost:\(ports.plain)"),
            encrypted: RollcallClient("https://localhost:\(ports.encrypted)"))
        do {
            // Each port that a test uses: a proxy opens them one after the other.
            for client in running.both {
                try await process.ready(within: .seconds(120) * patience) {
                    (try? await client.send("GET", "/healthz", timeout: .seconds(5))) == nil ? nil : true
                }
            }
            try await body(running)
        } catch {
            await process.stop()
            throw NodeTestFailure(error: error, log: "\(proxy):\n\(process.log.tail(20))")
        }
        await process.stop()
    }

    /// A self-signed certificate for localhost: `proxy.pem`, `proxy.key`, and `both.pem` for HAProxy.
    private static func makeCertificate(in folder: String) async throws {
        let made = try await TestCertificate.make("proxy", in: folder)
        let both = try [made.certificateFile, made.keyFile].map { try String(contentsOfFile: $0, encoding: .utf8) }
        try both.joined().write(toFile: folder + "/both.pem", atomically: true, encoding: .utf8)
    }

    private static func configuration(
        of proxy: Proxy, nodes: [RollcallProcess], edits: [(text: String, replacement: String)],
        ports: (plain: Int, encrypted: Int), folder: String
    ) throws -> String {
        var text = try proxy.documented
        for edit in edits { try text.swap(edit.text, for: edit.replacement) }
        for (number, node) in nodes.enumerated() {
            try text.swap("node\(number + 1):4000", for: node.url.replacing("http://", with: ""))
        }
        switch proxy {
        case .nginx:
            try text.swap("listen 80;", for: "listen 127.0.0.1:\(ports.plain);")
            try text.swap("listen 443 ssl", for: "listen 127.0.0.1:\(ports.encrypted) ssl")
            try text.swap("/etc/ssl/presence.crt", for: folder + "/proxy.pem")
            try text.swap("/etc/ssl/presence.key", for: folder + "/proxy.key")
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
                "\($0)_temp_path \(folder)/\($0);"
            }
            return """
                daemon off;
                pid \(folder)/pid;
                \(getuid() == 0 ? "user root;" : "")
                worker_processes 1;
                events {}
                http {
                access_log off;
                \(temporary.joined(separator: "\n"))
                \(text)
                }
                """
        case .haproxy:
            try text.swap("bind :80", for: "bind 127.0.0.1:\(ports.plain)")
            try text.swap("bind :443", for: "bind 127.0.0.1:\(ports.encrypted)")
            try text.swap("/etc/haproxy/presence.pem", for: folder + "/both.pem")
            return text
        case .caddy:
            let global = "{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}\n"
            var (plain, encrypted) = (text, text)
            try plain.swap("presence.example.com {", for: "http://localhost:\(ports.plain) {")
            try encrypted.swap(
                "presence.example.com {",
                for: "https://localhost:\(ports.encrypted) {\ntls \(folder)/proxy.pem \(folder)/proxy.key")
            return global + plain + encrypted
        }
    }
}

extension String {
    /// Replaces a text that must be there.
    mutating func swap(_ text: String, for replacement: String) throws {
        guard contains(text) else { throw NeverHappened(description: "'\(text)' in the documented configuration") }
        replace(text, with: replacement)
    }
}
