// Rollcall · LocalServices

import Foundation

/// Finds the programs that private servers need.
package enum Executables {
    /// The folders of package managers; the `PATH` of a service manager or an IDE may lack them.
    private static let usualFolders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/opt/homebrew/bin"]

    /// The folders that are searched, those of `PATH` first.
    static var folders: [String] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map(String.init) + Self.usualFolders
    }

    /// Returns the full path of `name`.
    ///
    /// - Parameter package: the package to install, for the error message.
    package static func find(
        _ name: String, package: (apt: String, brew: String)
    ) throws(LocalServicesError) -> String {
        for folder in Self.folders {
            let candidate = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        throw .missing(name, package: package)
    }
}

extension LocalServicesError {
    /// The error for a program that is not installed; the message has the command that installs it.
    static func missing(_ name: String, package: (apt: String, brew: String)) -> LocalServicesError {
        #if os(macOS)
            let install = "brew install \(package.brew)"
        #else
            let install = "apt-get install \(package.apt)"
        #endif
        return LocalServicesError(.notInstalled, "\(name) is not installed; install it with: \(install)")
    }
}
