//! Server-sent events (WHATWG HTML, section 9.2), as far as an answer needs them: the data of each event.

use stoa_learning::answers::ModelError;

/// The most bytes of one event.
const LONGEST: usize = 256 * 1024;

/// Bytes of events that are not whole yet.
#[derive(Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: String,
    /// A `\r` ended the last line; a `\n` right behind it belongs to it.
    returned: bool,
}

impl Events {
    /// Takes in some bytes; gives the data of every event that they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>, ModelError> {
        let mut done = Vec::new();
        for &byte in bytes {
            let again = std::mem::replace(&mut self.returned, byte == b'\r') && byte == b'\n';
            match byte {
                _ if again => {}
                b'\n' | b'\r' => self.end_line(&mut done)?,
                byte => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > LONGEST {
                return Err(ModelError::Strange("it sent a piece that is longer than any may be".into()));
            }
        }
        Ok(done)
    }

    fn end_line(&mut self, done: &mut Vec<String>) -> Result<(), ModelError> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            done.extend((!data.is_empty()).then_some(data));
            return Ok(());
        }
        let line = String::from_utf8(line).map_err(|_| ModelError::Strange("it sent what is no text".into()))?;
        if let Some(data) = line.strip_prefix("data:") {
            if !self.data.is_empty() {
                self.data.push('\n');
            }
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_they_are_cut() {
        let text = b": ping\r\n\r\ndata: {\"a\":1}\n\nevent: x\ndata:one\ndata: two\n\ndata: \xc3\xa4\r\rdata: open";
        for cut in 1..text.len() {
            let mut events = Events::default();
            let mut all = Vec::new();
            for chunk in text.chunks(cut) {
                all.extend(events.take(chunk).unwrap());
            }
            assert_eq!(all, ["{\"a\":1}", "one\ntwo", "ä"], "cut every {cut}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert!(Events::default().take(&vec![b'x'; LONGEST + 1]).is_err());
    }
}
