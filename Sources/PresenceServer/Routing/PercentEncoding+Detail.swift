// Rollcall · PresenceServer

import Basics

extension PercentEncoding.Fault {
    /// The detail of a problem with the parameter `name`.
    func detail(of name: String) -> String {
        switch self {
        case .badEscape: "\(name) has a % that two hexadecimal digits do not follow; a percent sign itself is %25."
        case .badUTF8: "\(name) is not UTF-8 when percent-decoded."
        }
    }
}
