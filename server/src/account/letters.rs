//! The texts of mails.

use crate::app::App;
use crate::mail::Letter;

/// What a mail says, before it is addressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'a> {
    /// The code that confirms a registration.
    Registration { code: &'a str },
    /// Somebody tried to register an address that has an account.
    AlreadyRegistered,
    /// The code that confirms a new address.
    NewEmail { code: &'a str },
    /// Somebody wants to use an address that another account has.
    EmailTaken,
    /// The address is about to change.
    EmailChanging,
    /// The address has changed.
    EmailChanged,
    /// The code for a recovery.
    Recovery { code: &'a str },
    /// The account was recovered.
    Recovered,
    /// The password was changed.
    PasswordChanged,
    /// The second factor was turned on or off.
    SecondFactor { on: bool },
    /// A device was added.
    DeviceAdded { name: &'a str },
}

impl Text<'_> {
    /// The mail to an address.
    pub(crate) fn to(self, app: &App, address: &str) -> Letter {
        let (name, contact) = (&app.config.service.name, &app.config.service.contact);
        let not_you = format!("If this was not you, write to {contact}.");
        let ignore = "If you did not ask for it, you need do nothing.";
        let (subject, body) = match self {
            Text::Registration { code } => (
                format!("Your code for {name}: {code}"),
                format!(
                    "The code that confirms your registration is\n\n    {code}\n\nIt counts for 15 minutes. {ignore}"
                ),
            ),
            Text::AlreadyRegistered => (
                format!("You have an account at {name}"),
                format!(
                    "Somebody, perhaps you, tried to register this address, which has an account already. Sign in, or \
                     recover the account with its recovery code. {ignore}"
                ),
            ),
            Text::NewEmail { code } => (
                format!("Your code for {name}: {code}"),
                format!("The code that confirms this address is\n\n    {code}\n\nIt counts for 15 minutes. {ignore}"),
            ),
            Text::EmailTaken => (
                format!("You have an account at {name}"),
                format!("Somebody, perhaps you, wants to use this address for another account. {ignore}"),
            ),
            Text::EmailChanging => (
                format!("The address of your account at {name} is about to change"),
                format!("Another address was given for your account, and takes effect once it is confirmed. {not_you}"),
            ),
            Text::EmailChanged => (
                format!("The address of your account at {name} has changed"),
                format!("Mail about your account goes to another address from now on. {not_you}"),
            ),
            Text::Recovery { code } => (
                format!("Your code for {name}: {code}"),
                format!(
                    "The code for recovering your account is\n\n    {code}\n\nIt counts for 15 minutes, and only together \
                     with your recovery code. {ignore}"
                ),
            ),
            Text::Recovered => (
                format!("Your account at {name} was recovered"),
                format!("A new password and a new recovery code were set, and all sessions ended. {not_you}"),
            ),
            Text::PasswordChanged => {
                (format!("Your password for {name} was changed"), format!("All other sessions ended. {not_you}"))
            }
            Text::SecondFactor { on } => (
                format!("The second factor of your account at {name} is {}", if on { "on" } else { "off" }),
                format!("Signing in asks for {}. {not_you}", if on { "a code as well" } else { "the password alone" }),
            ),
            Text::DeviceAdded { name: device } => (
                format!("A device was added to your account at {name}"),
                format!("The device is called “{device}”. {not_you}"),
            ),
        };
        Letter { to: address.to_owned(), subject, text: format!("{body}\n\n-- \n{name}\n{contact}\n") }
    }
}
