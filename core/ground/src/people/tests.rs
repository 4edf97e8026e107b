use super::*;

/// A person who works here, with nothing but id and name.
pub(super) fn person(employee_id: &str, name: &str) -> Person {
    Person {
        id: format!("id-{employee_id}"),
        employee_id: employee_id.into(),
        name: name.into(),
        email: None,
        timezone: "UTC".into(),
        locale: "en".into(),
        manager: None,
        title: None,
        department: None,
        location: None,
        country: None,
        state: None,
        worker_type: None,
        hire_date: None,
        status: Status::Active,
        leave_from: None,
        leave_to: None,
    }
}
