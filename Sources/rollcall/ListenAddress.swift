// Rollcall · rollcall

import Foundation
import NIOCore
import ServiceLifecycle

/// An address that a node listens on, and the settings that it comes from.
struct ListenAddress: Sendable {
    let host: String
    let port: Int
    let hostSetting: SettingInfo
    let portSetting: SettingInfo
    /// Whether it speaks TLS.
    var isSecure = false

    /// Its URL, with the port that is bound if the settings leave the choice to the system.
    func url(port bound: Int?) -> String {
        "\(isSecure ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(bound ?? port)"
    }

    /// Names the setting that a failure to listen is about; nil for any other error.
    func fault(_ error: any Error) -> ProgramError? {
        let hostNames = "\(hostSetting.flag) or \(hostSetting.environmentName)"
        let portNames = "\(portSetting.flag) or \(portSetting.environmentName)"
        switch error {
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            return .unavailable("cannot listen on \(host): there is no host of that name; \(hostNames) names another")
        case let error as IOError where error.errnoCode == EADDRINUSE:
            return .unavailable("port \(port) of \(host) is taken; \(portNames) names another")
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
            return .unavailable(
                "cannot listen on \(host): this machine has no such address; \(hostNames) names another")
        case let error as IOError where error.errnoCode == EACCES:
            return .unavailable("cannot listen on port \(port): this user may not; \(portNames) names another")
        case let error as IOError:
            return .unavailable(
                "cannot listen on \(host):\(port), set by \(hostNames) and \(portNames): "
                    + String(cString: strerror(error.errnoCode)))
        default: return nil
        }
    }
}

/// Runs a server; an error of one that cannot listen names the settings of its address.
struct ListeningServer: Service {
    let server: any Service
    let address: ListenAddress

    func run() async throws {
        do {
            try await server.run()
        } catch {
            throw address.fault(error) ?? error
        }
    }
}
