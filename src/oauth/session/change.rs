//! [`Change`], what a call changes in the token document of an account.

use chrono::{DateTime, Utc};

use super::document::{Entry, Key, Token, TokenDocument};

/// A change that can be applied again after a conflict, and after a write that seemed to fail.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Nothing,
    /// Inserts a new token, unless another one was saved since it was requested.
    Insert {
        entry: Box<Entry>,
        /// The access token that was stored when the new one was requested.
        replaces: Option<Token>,
        /// Whether it was requested with a refresh token. A logout in between then discards it.
        is_refresh: bool,
    },
    /// Removes a refresh token that the server has refused, and the access token that a resource has
    /// refused: it is of no more use.
    RemoveRefreshToken {
        refresh_token: Token,
        refused: Option<Token>,
    },
    /// Replaces a refresh token by the next one, whose access token is not known.
    ReplaceRefreshToken {
        refresh_token: Token,
        next: Token,
    },
    /// Removes an access token that a resource has refused, with its refresh token.
    RemoveRefused(Token),
    /// Removes all tokens of the session.
    Remove,
}

impl Change {
    /// Returns whether the document has changed.
    pub(super) fn apply(
        &self,
        document: &mut TokenDocument,
        key: &Key,
        now: DateTime<Utc>,
    ) -> bool {
        match self {
            Self::Nothing => false,
            Self::Insert { entry, .. } => {
                let is_current = self.is_current(document.find(key));
                if is_current {
                    document.insert(Entry::clone(entry), now);
                }
                is_current
            }
            Self::RemoveRefreshToken { refresh_token, refused } => {
                let removed = document.replace_refresh_token(key, refresh_token, None);
                let is_refused = |token| document.remove_refused(key, token);
                refused.as_ref().is_some_and(is_refused) || removed
            }
            Self::ReplaceRefreshToken { refresh_token, next } => {
                document.replace_refresh_token(key, refresh_token, Some(next))
            }
            Self::RemoveRefused(token) => document.remove_refused(key, token),
            Self::Remove => document.remove(key),
        }
    }

    /// Returns whether the stored token is still the one that a new token replaces.
    fn is_current(&self, stored: Option<&Entry>) -> bool {
        let Self::Insert { entry, replaces, is_refresh } = self else { return false };
        let Some(stored) = stored else { return !is_refresh };
        // The second is true if an earlier write took effect although it seemed to fail.
        replaces.as_ref() == Some(stored.access_token())
            || stored.access_token() == entry.access_token()
    }
}
