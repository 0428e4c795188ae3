//! Wakeup trees: beginnings of executions that are still to be run from a place, none of which makes another needless
//! (Abdulla, Aronis, Jonsson and Sagonas, "Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction",
//! JACM 64(4), 2017).

use std::rc::Rc;

use crate::engine::execution::dependence::depend;
use crate::engine::system::Use;

/// One step of a beginning: the number of a thread, which alternative of its operation it takes, and what that uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Move {
    pub(in crate::engine) thread: u32,
    /// None: every one that there is.
    pub(in crate::engine) alternative: Option<usize>,
    pub(in crate::engine) uses: Rc<[Use]>,
}

/// Whether two alternatives may be the same; none stands for every one.
fn is_among(one: Option<usize>, other: Option<usize>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// The beginnings that are to be run from a place, in this order. Empty: anything may be run.
pub(in crate::engine) type Tree = Vec<Subtree>;

/// All beginnings with the same first step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Subtree {
    pub(in crate::engine) first: Move,
    pub(in crate::engine) below: Tree,
}

/// How a thread's next step can come first in an execution that begins with a sequence of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum First {
    /// It is this step of the sequence, and depends on none before it.
    At(usize),
    /// It is not among them, and depends on none of them.
    Absent,
}

/// Whether the thread of `first` is a weak initial of `sequence`: whether some execution that begins with the sequence
/// is equivalent to one that begins with this step.
pub(in crate::engine) fn weak_initial(first: &Move, sequence: &[Move]) -> Option<First> {
    for (at, step) in sequence.iter().enumerate() {
        if step.thread == first.thread {
            return is_among(step.alternative, first.alternative).then_some(First::At(at));
        }
        if depend(first.uses.iter().copied(), &step.uses) {
            return None;
        }
    }
    Some(First::Absent)
}

/// Where in a tree a sequence is to be added, and what of it; none if the executions that begin with it are run anyway.
fn place(tree: &mut Tree, mut sequence: Vec<Move>) -> Option<(&mut Tree, Vec<Move>)> {
    if sequence.is_empty() {
        return None;
    }
    let found = tree.iter().enumerate().find_map(|(index, branch)| {
        let how = weak_initial(&branch.first, &sequence)?;
        Some((index, how))
    });
    let Some((index, how)) = found else { return Some((tree, sequence)) };
    if let First::At(at) = how {
        sequence.remove(at);
    }
    let below = &mut tree[index].below;
    if below.is_empty() { None } else { place(below, sequence) }
}

/// Whether the executions that begin with a sequence are run anyway.
pub(in crate::engine) fn covers(tree: &mut Tree, sequence: Vec<Move>) -> bool {
    place(tree, sequence).is_none()
}

/// Adds a sequence to a tree, unless the executions that begin with it are run anyway.
pub(in crate::engine) fn insert(tree: &mut Tree, sequence: Vec<Move>) {
    let Some((tree, sequence)) = place(tree, sequence) else { return };
    let branch = sequence
        .into_iter()
        .rev()
        .fold(None, |below, first| Some(Subtree { first, below: below.into_iter().collect() }));
    tree.extend(branch);
}

/// The tree after a step of `thread` that commutes with all that others can do before it, without the beginnings in which
/// the thread takes another alternative of its operation; none if those were all.
pub(in crate::engine) fn after(tree: &[Subtree], thread: u32, alternative: usize) -> Option<Tree> {
    let mut left = Tree::new();
    let mut is_left = tree.is_empty();
    for branch in tree {
        if branch.first.thread != thread {
            let below = after(&branch.below, thread, alternative);
            is_left |= below.is_some();
            left.extend(below.map(|below| Subtree { first: branch.first.clone(), below }));
        } else if is_among(branch.first.alternative, Some(alternative)) {
            is_left = true;
            left.extend(branch.below.iter().cloned());
        }
    }
    is_left.then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(thread: u32, object: u32) -> Move {
        Move { thread, alternative: None, uses: [Use { object, changes: true }].into() }
    }

    fn choice(thread: u32, alternative: usize) -> Move {
        Move { alternative: Some(alternative), ..write(thread, 100 + thread) }
    }

    fn tree(sequences: &[&[Move]]) -> Tree {
        let mut tree = Tree::new();
        sequences.iter().for_each(|sequence| insert(&mut tree, sequence.to_vec()));
        tree
    }

    #[test]
    fn a_step_can_come_first_if_it_depends_on_none_before_it() {
        let sequence = [write(0, 7), write(1, 8), write(2, 7)];
        assert_eq!(weak_initial(&write(1, 8), &sequence), Some(First::At(1)));
        assert_eq!(weak_initial(&write(2, 7), &sequence), None);
        assert_eq!(weak_initial(&write(3, 9), &sequence), Some(First::Absent));
        assert_eq!(weak_initial(&write(3, 8), &sequence), None);
    }

    #[test]
    fn a_sequence_that_a_leaf_leads_to_is_not_added() {
        let known = tree(&[&[write(0, 7)]]);
        let mut same = known.clone();
        insert(&mut same, vec![write(1, 8), write(0, 7)]);
        assert_eq!(same, known);
        insert(&mut same, vec![write(1, 7), write(0, 7)]);
        assert_eq!(same.len(), 2);
    }

    #[test]
    fn a_sequence_is_added_where_it_departs() {
        let found = tree(&[&[write(0, 7), write(1, 7)], &[write(0, 7), write(2, 7), write(1, 7)]]);
        assert_eq!(found.len(), 1);
        let second: Vec<u32> = found[0].below.iter().map(|branch| branch.first.thread).collect();
        assert_eq!(second, [1, 2]);
    }

    #[test]
    fn a_step_that_was_taken_is_left_out_of_every_branch() {
        let before = tree(&[&[write(0, 7), write(3, 9), write(1, 7)], &[write(1, 7), write(3, 9)]]);
        let left = after(&before, 3, 0);
        assert_eq!(left, Some(tree(&[&[write(0, 7), write(1, 7)], &[write(1, 7)]])));
    }

    #[test]
    fn a_beginning_with_another_alternative_is_another_beginning() {
        let sequence = [write(0, 7), choice(1, 1), write(1, 7)];
        assert_eq!(weak_initial(&choice(1, 1), &sequence), Some(First::At(1)));
        assert_eq!(weak_initial(&choice(1, 0), &sequence), None);
        let planned = tree(&[&sequence]);
        assert_eq!(after(&planned, 1, 0), None);
        assert_eq!(after(&planned, 1, 1), Some(tree(&[&[write(0, 7), write(1, 7)]])));
        assert_eq!(after(&Tree::new(), 1, 0), Some(Tree::new()));
    }
}
