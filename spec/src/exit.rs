//! The exit codes of every command, one meaning each.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked holds.
    Success,
    /// The service is wrong: a claim failed.
    ClaimFailed,
    /// The command or the spec is wrong.
    Usage,
    /// It could not be found out: an environment was unreachable or did not start.
    CouldNotFindOut,
    /// Generated files are stale.
    Stale,
    /// Nothing failed, but not everything was verified.
    NotVerified,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::ClaimFailed,
        Self::Usage,
        Self::CouldNotFindOut,
        Self::Stale,
        Self::NotVerified,
        Self::Interrupted,
    ];

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::ClaimFailed => 1,
            Self::Usage => 2,
            Self::CouldNotFindOut => 3,
            Self::Stale => 4,
            Self::NotVerified => 5,
            Self::Interrupted => 130,
        }
    }

    /// What the code means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "what was asked holds",
            Self::ClaimFailed => "the service is wrong: a claim failed",
            Self::Usage => "the command or the spec is wrong",
            Self::CouldNotFindOut => "it could not be found out",
            Self::Stale => "generated files are stale",
            Self::NotVerified => "nothing failed, but not everything was verified",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
