//! Doing the same with many names, several at once: what makes reading a lake in S3 quick.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};

/// How many small files are read at once. Of a bucket each takes some 20 ms to come, so that thousands one by one would
/// take minutes; S3 gives 5,500 a second below one prefix.
pub(crate) const SMALL_FILES: usize = 32;

/// Runs futures, `most` of them at once, and shows what comes of them in their own order. A future is made when its turn
/// comes; the first error ends it all.
///
/// All that run are polled at each turn, so that this is for tens of them, and asks nothing of their wakers.
pub(crate) async fn at_once<F, T, E>(
    most: usize,
    futures: impl IntoIterator<Item = F>,
    mut take: impl FnMut(T),
) -> Result<(), E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut coming = futures.into_iter().fuse();
    let mut running: VecDeque<MaybeDone<Pin<Box<F>>>> = VecDeque::with_capacity(most);
    poll_fn(|context| {
        loop {
            let free = most - running.len();
            running.extend(coming.by_ref().take(free).map(|next| maybe_done(Box::pin(next))));
            for each in &mut running {
                let _ = Pin::new(each).poll(context);
            }
            let before = running.len();
            while let Some(done) = running.front_mut().and_then(|first| Pin::new(first).take_output()) {
                running.pop_front();
                take(done?);
            }
            if running.is_empty() && before < most {
                return Poll::Ready(Ok(()));
            }
            if running.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_is_in_order_and_no_more_run_than_may() {
        let (running, highest) = (AtomicUsize::new(0), AtomicUsize::new(0));
        for count in [0_usize, 1, 4, 5, 50] {
            let futures = (0..count).map(|number| {
                let (running, highest) = (&running, &highest);
                async move {
                    highest.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(100 - number as u64)).await;
                    running.fetch_sub(1, Ordering::Relaxed);
                    Ok::<_, ()>(number)
                }
            });
            let mut came = Vec::new();
            at_once(4, futures, |number| came.push(number)).await.unwrap();
            assert_eq!(came, (0..count).collect::<Vec<_>>());
        }
        assert_eq!(highest.into_inner(), 4);
    }

    #[tokio::test]
    async fn the_first_error_ends_it() {
        let made = AtomicUsize::new(0);
        let futures = (0..100).map(|number| {
            made.fetch_add(1, Ordering::Relaxed);
            async move { if number == 5 { Err(number) } else { Ok(number) } }
        });
        let mut came = Vec::new();
        assert_eq!(at_once(4, futures, |number| came.push(number)).await, Err(5));
        assert_eq!(came, [0, 1, 2, 3, 4]);
        assert_eq!(made.into_inner(), 8);
    }
}
