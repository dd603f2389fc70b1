// Rollcall · TestSupport

import Foundation

/// The path of the checkout that the tests were built from.
package let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
