use super::*;

const NEVER: TimeDelta = TimeDelta::days(2);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn alert(number: u8) -> Item {
    of_level(number, Level::Medium)
}

fn of_level(number: u8, level: Level) -> Item {
    Item::Alert(AlertId::new("rule", at(0), &[("n".to_owned(), vec![number.to_string()])]), level)
}

fn accepted() -> Sent {
    Sent::Accepted { reference: None }
}

fn not_taken() -> Sent {
    Sent::NotTaken { reason: "429".to_owned(), retry_after: Some(TimeDelta::seconds(90)) }
}

const FIRST: Claim = Claim::Send { possibly_repeated: false };
const REPEATED: Claim = Claim::Send { possibly_repeated: true };

#[test]
fn an_alert_is_sent_by_whoever_claims_it_first_and_never_again() {
    let mut book = Book::default();
    assert_eq!(book.claim(&alert(1), 9, "one", at(0)), FIRST);
    assert_eq!(book.claim(&alert(1), 9, "two", at(1)), Claim::Later(at(120)));
    book.settle(&alert(1), &accepted(), "one", NEVER, at(2));
    assert_eq!(book.claim(&alert(1), 9, "two", at(500)), Claim::Settled);
    assert_eq!(book.delivery(&alert(1)).unwrap().state, State::Sent);
}

#[test]
fn a_lease_that_ran_out_leaves_a_doubt_that_stays() {
    let mut book = Book::default();
    book.claim(&alert(1), 9, "one", at(0));
    assert_eq!(book.claim(&alert(1), 9, "two", at(120)), REPEATED);
    book.settle(&alert(1), &not_taken(), "two", NEVER, at(121));
    assert_eq!(book.claim(&alert(1), 9, "two", at(400)), REPEATED);
    // The first one comes back too late to say anything.
    book.settle(&alert(1), &accepted(), "one", NEVER, at(401));
    book.settle(&alert(1), &accepted(), "two", NEVER, at(402));
    assert_eq!(book.delivery(&alert(1)).unwrap().state, State::PossiblyRepeated);
}

#[test]
fn whoever_lost_the_answer_to_its_claim_may_claim_again_and_leaves_no_doubt() {
    let mut book = Book::default();
    book.claim(&alert(1), 9, "one", at(0));
    assert_eq!(book.claim(&alert(1), 9, "one", at(1)), FIRST);
    assert_eq!(book.claim(&alert(1), 9, "two", at(1)), Claim::Later(at(120)));
    assert_eq!(book.claim(&alert(1), 9, "one", at(500)), FIRST);
    assert_eq!(book.delivery(&alert(1)).unwrap().attempts, 1);
}

#[test]
fn what_was_surely_not_taken_is_sent_again_unmarked_and_what_may_have_been_is_marked() {
    let mut book = Book::default();
    book.claim(&alert(1), 9, "one", at(0));
    book.settle(&alert(1), &not_taken(), "one", NEVER, at(1));
    assert_eq!(book.claim(&alert(1), 9, "one", at(90)), Claim::Later(at(91)));
    assert_eq!(book.claim(&alert(1), 9, "one", at(91)), FIRST);
    book.settle(&alert(1), &Sent::Unknown { reason: "time-out".to_owned() }, "one", NEVER, at(92));
    assert_eq!(book.claim(&alert(1), 9, "one", at(1000)), REPEATED);
}

#[test]
fn past_the_limit_alerts_are_folded_into_one_message() {
    let mut book = Book::default();
    for number in 0..3 {
        assert_eq!(book.claim(&alert(number), 3, "one", at(0)), FIRST);
    }
    assert_eq!(book.claim(&alert(3), 3, "one", at(0)), Claim::Folded);
    assert_eq!(book.claim(&Item::Folded(4), 3, "one", at(0)), FIRST);
    book.settle(&Item::Folded(4), &accepted(), "one", NEVER, at(1));
    assert_eq!(book.claim(&Item::Folded(90), 3, "two", at(600)), Claim::Settled);
    assert_eq!(book.folded.as_ref().unwrap().alerts, 4);
    // Those that have their place keep it.
    assert_eq!(book.claim(&alert(2), 3, "two", at(120)), REPEATED);
}

#[test]
fn many_small_alerts_do_not_hide_a_graver_one() {
    let mut book = Book::default();
    for number in 0..3 {
        book.claim(&alert(number), 3, "one", at(0));
    }
    assert_eq!(book.claim(&of_level(7, Level::Low), 3, "one", at(0)), Claim::Folded);
    for number in 8..11 {
        assert_eq!(book.claim(&of_level(number, Level::High), 3, "one", at(0)), FIRST);
    }
    assert_eq!(book.claim(&of_level(11, Level::High), 3, "one", at(0)), Claim::Folded);
    assert_eq!(book.claim(&of_level(12, Level::Critical), 3, "one", at(0)), FIRST);
}

#[test]
fn an_alert_that_has_become_graver_is_told_again() {
    let mut book = Book::default();
    book.claim(&of_level(1, Level::Medium), 3, "one", at(0));
    book.settle(&of_level(1, Level::Medium), &accepted(), "one", NEVER, at(1));
    assert_eq!(book.claim(&of_level(1, Level::Medium), 3, "one", at(2)), Claim::Settled);
    assert_eq!(book.claim(&of_level(1, Level::High), 3, "one", at(2)), FIRST);
    book.settle(&of_level(1, Level::High), &accepted(), "one", NEVER, at(3));
    // The entry that knew it as less grave comes once more.
    assert_eq!(book.claim(&of_level(1, Level::Medium), 3, "one", at(4)), Claim::Settled);
}

#[test]
fn what_was_confirmed_is_told_should_more_turn_up_and_takes_up_no_place() {
    let mut book = Book::default();
    let (Item::Alert(one, _), Item::Alert(by, _)) = (alert(1), alert(2)) else { unreachable!() };
    assert!(book.confirm(&one, Level::Medium, &by, at(0)));
    assert_eq!((book.told_one_by_one(), book.alerts[&one].state), (0, State::Confirmed));
    assert_eq!(book.claim(&alert(1), 1, "one", at(1)), FIRST);
    assert!(!book.confirm(&one, Level::Medium, &by, at(2)), "somebody is at it");
    book.settle(&alert(1), &accepted(), "one", NEVER, at(3));
    assert!(book.confirm(&one, Level::Medium, &by, at(4)));
    assert_eq!(book.alerts[&one].state, State::Sent, "it was told, and that stands");
}

#[test]
fn waits_grow_to_an_hour_and_end_when_it_no_longer_matters() {
    let mut book = Book::default();
    let (mut now, mut waits) = (0, Vec::new());
    loop {
        match book.claim(&alert(1), 9, "one", at(now)) {
            Claim::Send { .. } => {}
            Claim::Settled => break,
            other => panic!("{other:?}"),
        }
        let sent = Sent::NotTaken { reason: "refused".to_owned(), retry_after: None };
        book.settle(&alert(1), &sent, "one", NEVER, at(now));
        let delivery = book.delivery(&alert(1)).unwrap();
        let wait = (delivery.until - at(now)).num_seconds();
        waits.push(wait);
        now += wait;
    }
    assert_eq!(waits[..8], [30, 60, 120, 240, 480, 960, 1920, 3600]);
    assert!(now >= NEVER.num_seconds());
    assert_eq!(book.delivery(&alert(1)).unwrap().state, State::Rejected);
}
