//! An export that is read in time or not at all: Lambda ends a function that works too long, and with it everything else
//! in the batch, and nothing says why. A read that ends by itself fails its own message alone, with the reason.

use std::io::{self, Read};
use std::time::Instant;

use immuta_watch::export::Source;
use immuta_watch::lake::{OpenExport, Version};

/// An export whose bytes must all be read before a moment.
pub(crate) struct InTime<E> {
    /// The export
    pub(crate) export: E,
    /// The moment
    pub(crate) until: Instant,
}

impl<E: OpenExport> OpenExport for InTime<E> {
    fn source(&self) -> &Source {
        self.export.source()
    }

    async fn version(&self) -> io::Result<Option<Version>> {
        self.export.version().await
    }

    async fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let bytes = self.export.open().await?;
        Ok(Box::new(ReadInTime { bytes, until: self.until }))
    }
}

struct ReadInTime {
    bytes: Box<dyn Read + Send>,
    until: Instant,
}

impl Read for ReadInTime {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            let reason =
                "the function's time is nearly up; give it more time or memory, or have Immuta export more often";
            return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
        }
        self.bytes.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Endless(Source);

    impl OpenExport for Endless {
        fn source(&self) -> &Source {
            &self.0
        }
        async fn version(&self) -> io::Result<Option<Version>> {
            Ok(None)
        }
        async fn open(&self) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::repeat(b'\n')))
        }
    }

    #[tokio::test]
    async fn reading_ends_when_time_is_up() {
        let until = Instant::now() + Duration::from_millis(20);
        let export = InTime { export: Endless(Source::at("s3://b/k")), until };
        let mut bytes = export.open().await.unwrap();
        let error = io::copy(&mut bytes, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(Instant::now() >= until);
    }
}
