"""Who may see what: Airflow's own permissions for the partner's DAG, asked for each request."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import HTTPException, status

from settlement.config.partner_file import PartnerFile, load_partners
from settlement.request.external_id import parse_external_id
from settlement_airflow.dag_parts import dag_id_of


def partners_of(user: GetUserDep) -> list[PartnerFile]:
    """The partners whose runs this person may see, by name; broken partner files are left out."""
    found = [each for each in load_partners().values() if isinstance(each, PartnerFile)]
    return [each for each in found if _may_see(user, each.name)]


def partner_of(user: GetUserDep, name: str) -> PartnerFile:
    """One partner.

    :raises HTTPException: 404 if there is none, or this person may not see it; which, is not said
    """
    for each in partners_of(user):
        if each.name == name:
            return each
    raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no partner {name} that you may see")


def partner_of_request(user: GetUserDep, external_id: str) -> PartnerFile:
    """The partner of one of our requests.

    :raises HTTPException: 404 if the id is none of ours, or this person may not see the partner
    """
    identity = parse_external_id(external_id)
    if identity is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "That is no externalId of ours")
    return partner_of(user, identity.partner)


def _may_see(user: GetUserDep, partner_name: str) -> bool:
    dag_id = dag_id_of(partner_name)
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.RUN, details=details, user=user
    )
