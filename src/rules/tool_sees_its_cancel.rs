//! `tool-sees-its-cancel`: reads what tools saw of their cancel tokens.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, TokenView};
use crate::scenario::Need;

/// A tool whose run was cancelled sees that it was.
pub struct ToolSeesItsCancel;

impl Rule for ToolSeesItsCancel {
    fn name(&self) -> &'static str {
        "tool-sees-its-cancel"
    }

    fn title(&self) -> &'static str {
        "a tool whose run was cancelled sees that it was"
    }

    fn page(&self) -> &'static str {
        "A tool call runs on a worker thread, which nobody can force to stop: it outlives the run that began it, and \
now and then it looks at a cancel token to learn whether it is still wanted. If the token is gone when the tool looks, \
or another run's token is in its place, the tool goes on with work that the user has stopped.

It breaks when a tool looks after the token of its own run was cancelled, and finds no token or one that is not \
cancelled; or when it finds a cancelled token though its own run was not cancelled, and ends work that is still wanted. A tool that looked before the cancel, or belongs to no run, does not count.

Source: R35 `cancel-token-cleared`, #3395; R36 `cancel-token-shared`, review remark on #3395."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Tool]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let views = seen.tokens.iter().flat_map(|(tool, views)| views.iter().map(move |view| (tool, view)));
        let misled = views.filter(|(_, view)| view.own_run != 0 && view.own_cancelled != view.cancelled);
        let violation = |(tool, view): (&String, &TokenView)| Violation {
            rule: self.name(),
            side: Side::Client,
            message: format!(
                "{tool}, a tool of run {}, which was {}cancelled, looks at its token and {}",
                view.own_run,
                if view.own_cancelled { "" } else { "not " },
                match view.seen_run {
                    None => "finds none".to_owned(),
                    Some(run) => format!(
                        "finds that of run {run}, which is {}cancelled",
                        if view.cancelled { "" } else { "not " }
                    ),
                },
            ),
            marks: vec![Mark::Thread(tool.clone())],
        };
        misled.map(violation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::ToolSeesItsCancel;
    use crate::observation::{Observations, TokenView};
    use crate::rules::testkit::*;

    fn looked(view: TokenView) -> Observations {
        let tokens = [("tool".to_owned(), vec![view])].into();
        Observations {
            tokens,
            ..seen(vec![user("first"), finish()], vec![prompt("first"), completed("first")])
        }
    }

    const CANCELLED: TokenView =
        TokenView { own_run: 1, own_cancelled: true, seen_run: Some(1), cancelled: true };

    #[test]
    fn a_token_that_is_gone_breaks_it() {
        let seen = looked(TokenView { seen_run: None, cancelled: false, ..CANCELLED });
        assert_eq!(
            breaks(&ToolSeesItsCancel, &seen),
            "tool, a tool of run 1, which was cancelled, looks at its token and finds none"
        );
        assert_eq!(broken(&seen), ["tool-sees-its-cancel"].into());
    }

    #[test]
    fn the_fresh_token_of_the_next_run_breaks_it() {
        let seen = looked(TokenView { seen_run: Some(2), cancelled: false, ..CANCELLED });
        assert_eq!(
            breaks(&ToolSeesItsCancel, &seen),
            "tool, a tool of run 1, which was cancelled, looks at its token and finds that of run 2, which is not \
             cancelled"
        );
    }

    #[test]
    fn a_cancel_that_was_meant_for_another_run_breaks_it() {
        let seen = looked(TokenView { own_cancelled: false, seen_run: Some(2), ..CANCELLED });
        assert_eq!(
            breaks(&ToolSeesItsCancel, &seen),
            "tool, a tool of run 1, which was not cancelled, looks at its token and finds that of run 2, which is \
             cancelled"
        );
        holds(&ToolSeesItsCancel, &looked(TokenView { own_run: 0, own_cancelled: false, ..CANCELLED }));
    }

    #[test]
    fn it_holds_for_a_tool_that_sees_the_cancel_or_was_not_cancelled() {
        holds(&ToolSeesItsCancel, &looked(CANCELLED));
        let wanted = TokenView { own_cancelled: false, cancelled: false, ..CANCELLED };
        holds(&ToolSeesItsCancel, &looked(wanted));
        holds(&ToolSeesItsCancel, &looked(TokenView { seen_run: None, ..wanted }));
    }
}
