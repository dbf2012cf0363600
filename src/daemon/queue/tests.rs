//! Tests of the queue of one helper.

use super::*;

fn drain(queue: &Queue, most: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while !queue.is_empty() {
        let result = queue.write(|slices| {
            let mut took = 0;
            for slice in slices {
                let take = slice.len().min(most - took);
                out.extend_from_slice(&slice[..take]);
                took += take;
            }
            Ok(took)
        });
        result.expect("the writer never fails");
    }
    out
}

#[test]
fn a_million_answers_cost_a_few_bytes_and_all_arrive_in_order() {
    let queue = Queue::new(Marks::default());
    queue.open();
    queue.event(b"first\n");
    for _ in 0..1_000_000 {
        queue.reply(b"done\n");
    }
    queue.reply(b"error\n");
    queue.event(b"last\n");
    assert!(queue.bytes() < 1000, "{}", queue.bytes());
    assert!(queue.accepts_commands() && queue.has_room());
    let out = drain(&queue, 100_000);
    assert_eq!(out.len(), 6 + 5_000_000 + 6 + 5);
    assert!(out.starts_with(b"first\ndone\n") && out.ends_with(b"done\nerror\nlast\n"));
    assert_eq!(queue.bytes(), 0);
}

#[test]
fn answers_that_are_let_go_are_counted_as_well() {
    let queue = Queue::new(Marks::default());
    queue.open();
    let promise = queue.promise();
    queue.reply_times(b"done\n", 1_000);
    queue.reply(b"error\n");
    queue.reply(b"a text\n");
    queue.reply_times(b"done\n", 1_000);
    assert!(queue.is_empty() && queue.waits_for_another(None));
    promise.replace(Some(String::new()));
    assert!(!queue.waits_for_another(None));
    queue.settle();
    assert_eq!(queue.len(), 4);
    let out = drain(&queue, 100_000);
    let text = String::from_utf8_lossy(&out);
    assert_eq!(text.matches("done\n").count(), 2_000);
    assert!(text.contains("done\nerror\na text\ndone\n"), "{text}");
}

#[test]
fn an_answer_that_is_known_is_handed_over_as_it_is() {
    let queue = Queue::new(Marks::default());
    queue.open();
    let peers: PeerSet = std::iter::once(PeerId(1)).collect();
    queue.reply_later(&peers, b"synced\n");
    let promise = queue.promise();
    promise.replace(Some("known\n".to_owned()));
    queue.reply(b"done\n");
    let waiting = queue.parts("unknown\n").waiting;
    assert_eq!(waiting[1], (PeerSet::new(), b"known\ndone\n".to_vec()));
}

#[test]
fn the_marks_pause_and_resume_what_feeds_the_queue() {
    let queue = Queue::new(Marks {
        high: 100,
        low: 50,
        replies: 100,
    });
    queue.event(b"lost: not opened yet\n");
    queue.open();
    for _ in 0..11 {
        queue.event(b"0123456789");
    }
    assert!(!queue.has_room());
    queue
        .write(|slices| Ok(slices[0].len().min(40)))
        .expect("the writer never fails");
    assert!(!queue.has_room(), "between the marks it stays paused");
    queue
        .write(|slices| Ok(slices[0].len().min(40)))
        .expect("the writer never fails");
    assert!(queue.has_room());
    assert_eq!(drain(&queue, 7).len(), 30);
}

#[test]
fn answers_that_are_not_read_stop_the_reading_of_commands() {
    let queue = Queue::new(Marks {
        high: 1000,
        low: 50,
        replies: 64,
    });
    queue.open();
    for _ in 0..10 {
        queue.reply(b"a long answer\n");
    }
    assert!(!queue.accepts_commands());
    drain(&queue, 1000);
    assert!(queue.accepts_commands());
    queue.close();
    queue.reply(b"done\n");
    assert!(queue.is_empty());
}

#[test]
fn dropped_events_are_counted_until_there_is_room() {
    let queue = Queue::new(Marks::default());
    let marks = Marks {
        high: 20,
        low: 5,
        ..Marks::default()
    };
    queue.configure(marks, QueueFull::Drop);
    queue.open();
    for _ in 0..10 {
        queue.event(b"0123456789\n");
    }
    assert!(queue.has_room(), "no neighbor waits for this helper");
    assert_eq!(queue.take_lost(), None, "there is no room to report it");
    assert_eq!(drain(&queue, usize::MAX).len(), 22);
    assert_eq!(queue.take_lost(), Some(8));
    assert_eq!(queue.take_lost(), None);
    queue.event(b"x\n");
    assert_eq!(drain(&queue, usize::MAX), b"x\n");
    queue.configure(marks, QueueFull::Kill);
    queue.event(&[b'y'; 30]);
    assert!(queue.is_hopeless() && queue.has_room());
}

#[test]
fn a_listing_behind_a_held_answer_is_generated_while_it_is_read() {
    use std::rc::Rc;

    let queue = Queue::new(Marks::default());
    queue.open();
    let peers: PeerSet = [PeerId(1)].into_iter().collect();
    queue.reply_later(&peers, b"synced\n");
    let pieces = Rc::new(Cell::new(0));
    let count = Rc::clone(&pieces);
    queue.reply_made(Box::new(move |out| {
        count.set(count.get() + 1);
        out.push_str("piece\n");
        count.get() < 1_000
    }));
    queue.reply(b"done\n");
    queue.reply_later(&peers, b"again\n");
    let mut rib = crate::rib::AdjRibOut::new();
    assert!(queue.seal(|peers| rib.mark(peers), |_, _| false));
    assert_eq!((pieces.get(), queue.is_empty()), (0, true), "held back");
    assert!(
        !queue.accepts_commands(),
        "no more commands are read meanwhile"
    );
    queue.arrived(PeerId(1), |_| true);
    assert_eq!(pieces.get(), 0, "nothing was generated yet");
    let mut out = Vec::new();
    while !queue.is_empty() {
        let before = pieces.get();
        let result = queue.write(|slices| {
            slices.iter().for_each(|slice| out.extend_from_slice(slice));
            Ok(slices.iter().map(|slice| slice.len()).sum())
        });
        result.expect("the writer never fails");
        assert!(pieces.get() <= before + 1, "one piece at a time");
    }
    let text = String::from_utf8_lossy(&out);
    assert!(text.starts_with("synced\npiece\npiece\n"), "{text}");
    assert!(text.ends_with("piece\ndone\nagain\n"), "{text}");
    assert_eq!(text.lines().count(), 1_003);
    assert!(queue.accepts_commands());
}
