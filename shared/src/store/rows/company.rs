use crate::failure::Corrupt;
use crate::store::{Attributes, Item, Row};

/// What a company has bought.
#[derive(Clone, Debug)]
pub struct CompanyRow {
    /// The agendas that its users may work with (Aktion.NEXT).
    pub licences: Vec<String>,
}

impl Row for CompanyRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        Ok(Self {
            licences: Attributes::new(item).texts("licences")?,
        })
    }
}
